//! Lets the disk, the wall clock and the load of the machine be for the program what a test says, whoever runs the tests
//! and on whatever: a small library between the program and the C library, which only it is touched by.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::stage::{Stage, program};

/// What the kernel answers to a change of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// `EIO`.
    Broken = 5,
    /// `ENOSPC`.
    Full = 28,
    /// `EROFS`: what an ext4 becomes after an error.
    ReadOnly = 30,
}

/// The library, and the folder that steers it.
pub(crate) struct Shim {
    library: PathBuf,
    folder: PathBuf,
}

impl Shim {
    /// Makes the library for this stage. Nothing goes wrong yet.
    pub(crate) fn new(stage: &Stage) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shim.c");
        let shim = Self {
            library: stage.path("shim.so"),
            folder: stage.path("shim"),
        };
        fs::create_dir(&shim.folder).expect("a folder");
        let compiled = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&shim.library, Path::new(source)])
            .output()
            .expect("cc");
        assert!(compiled.status.success(), "{compiled:?}");
        shim
    }

    /// Has a command of the program go through the library.
    pub(crate) fn below<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let name = program().file_name().expect("a name");
        command
            .env("LD_PRELOAD", &self.library)
            .env("SHIM_FOLDER", &self.folder)
            .env("SHIM_PROGRAM", name)
    }

    /// From now on, no file can be changed.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.say("errno", refusal as i64);
    }

    /// From now on, it takes so much longer until something is on disk.
    pub(crate) fn slow_down(&self, by: Duration) {
        self.say("sync", i64::try_from(by.as_millis()).expect("a short time"));
    }

    /// From now on, the state folder's file system lacks `locks` or shared memory (`mmap`), and the kernel
    /// says so with this number.
    pub(crate) fn lack(&self, what: &str, errno: i64) {
        self.say(what, errno);
    }

    /// The disk is well again.
    pub(crate) fn mend(&self) {
        self.say("errno", 0);
        self.say("sync", 0);
    }

    /// The wall clock is so many seconds off, from now on.
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.say("clock", seconds);
    }

    /// From the next time on that anybody looks, this is the load of the machine.
    pub(crate) fn set_load(&self, load: u32) {
        let new = self.folder.join("new");
        fs::write(&new, format!("{load}.00 0.00 0.00 1/100 1\n")).expect("a load");
        fs::rename(new, self.folder.join("next-load")).expect("a load");
    }

    /// Whether anybody has looked since then.
    pub(crate) fn is_load_seen(&self) -> bool {
        !self.folder.join("next-load").exists()
    }

    fn say(&self, name: &str, number: i64) {
        let new = self.folder.join("new");
        fs::write(&new, number.to_string()).expect("a number");
        fs::rename(new, self.folder.join(name)).expect("a number");
    }
}
