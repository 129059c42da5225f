//! What people install: packages, made of the program that the tests run, and what they are made of.

mod container;
mod deb;
mod release;
mod rpm;
mod supply;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::support::broker::reaper::Reaper;
use super::support::broker::run_script;
use super::support::scene::program;
use super::support::stage::private_folder;
use super::support::system::text;

/// A .deb of the program, and the folder that has nothing else in it. It goes with this process.
struct Package {
    folder: PathBuf,
    file: PathBuf,
    _reaper: Reaper,
}

impl Package {
    fn make() -> Self {
        let folder = private_folder().keep();
        let out = folder.to_str().expect("a path in UTF-8");
        let reaper = Reaper::arm("rm -rf \"$1\"", &[out]);
        let built = program().to_str().expect("a path in UTF-8");
        run_script("package", &["--program", built, "--out", out, "deb"]).expect("a package");
        let version = env!("CARGO_PKG_VERSION");
        let architecture = shell("dpkg --print-architecture", &[]);
        let name = format!("esi-event-actions_{version}-1_{}.deb", architecture.trim());
        Self {
            file: folder.join(name),
            folder,
            _reaper: reaper,
        }
    }
}

/// The one that all tests share which only read it.
fn made() -> &'static Package {
    static MADE: OnceLock<Package> = OnceLock::new();
    MADE.get_or_init(Package::make)
}

/// What a script prints, on both ways, that has to end well; `$1` and so on are the arguments.
fn shell(script: &str, arguments: &[&Path]) -> String {
    let mut command = Command::new("sh");
    let output = command
        .args(["-c", script, "sh"])
        .args(arguments)
        .output()
        .expect("sh");
    assert!(output.status.success(), "{script}: {output:?}");
    text(&output.stdout) + &text(&output.stderr)
}
