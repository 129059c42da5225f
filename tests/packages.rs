//! What people install: packages, made of the program that the tests run, and what they are made of.

mod container;
mod deb;
mod release;
mod rpm;
mod supply;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::support::broker::reaper::Reaper;
use super::support::broker::run_script;
use super::support::scene::program;
use super::support::stage::private_folder;
use super::support::system::{System, text};

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

/// Installs the .deb in a Debian system as docs/install.md says.
pub(crate) fn install(system: &System) {
    let file = &made().file;
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.expect("a name in UTF-8");
    system.copy(file, &format!("/root/{name}"), "644");
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/install.md");
    let page = fs::read_to_string(page).expect("a page");
    let typed = page
        .lines()
        .find_map(|line| line.strip_prefix("sudo apt-get install ./"))
        .expect("the command");
    let architecture = name.rsplit_once('_').map_or(name, |(_, rest)| rest);
    assert_eq!(typed.replace("amd64.deb", architecture), name);
    let install = format!("cd /root && DEBIAN_FRONTEND=noninteractive apt-get install ./{name}");
    system.done(&["sh", "-c", &install]);
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
