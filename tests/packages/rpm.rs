//! The .rpm, as far as a Debian machine can judge it.

use std::path::Path;

use crate::support::broker::run_script;
use crate::support::scene::program;
use crate::support::stage::private_folder;

use super::{made, shell};

/// The files in it, but for what each kind of package keeps in places of its own.
fn files(listed: &str) -> Vec<String> {
    let mut files: Vec<String> = listed
        .lines()
        .filter(|it| !it.ends_with('/'))
        .filter(|it| {
            let own = [
                "/zsh/",
                "/licenses/",
                "/lintian/",
                "/copyright",
                "changelog.Debian",
            ];
            !own.iter().any(|own| it.contains(own))
        })
        .map(str::to_owned)
        .collect();
    files.sort();
    files
}

#[test]
fn the_rpm_has_what_the_deb_has_and_can_be_installed() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    if !tools.join("bin/cargo-generate-rpm").exists() {
        eprintln!(
            "cargo-generate-rpm takes minutes to build, and is not there (scripts/install-tools): no .rpm is made"
        );
        return;
    }
    run_script("install-packages", &["rpm"]).expect("rpm");
    let folder = private_folder();
    let out = folder.path().to_str().expect("a path in UTF-8");
    let built = program().to_str().expect("a path in UTF-8");
    run_script("package", &["--program", built, "--out", out, "rpm"]).expect("a package");
    let list = "rpm -qlp \"$1\"/*.rpm 2>/dev/null";
    let in_rpm = files(&shell(list, &[folder.path()]));
    let list = "dpkg-deb --fsys-tarfile \"$1\" | tar -t | sed 's/^\\.//'";
    let in_deb = files(&shell(list, &[&made().file]));
    assert_eq!(in_rpm, in_deb);

    // Debian's rpm knows of no installed library; and the configuration is one.
    let database = folder.path().join("database");
    let test =
        "rpm --dbpath \"$2\" --initdb && rpm --dbpath \"$2\" --nodeps --test -i \"$1\"/*.rpm";
    shell(test, &[folder.path(), &database]);
    let configuration = shell("rpm -qcp \"$1\"/*.rpm 2>/dev/null", &[folder.path()]);
    assert_eq!(
        configuration,
        "/etc/esi-event-actions/esi-event-action-listener.conf\n"
    );
    // What it does when it is installed is at least a script.
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/rpm");
    shell(
        "for it in \"$1\"/*; do sh -n \"$it\" || exit; done",
        &[&scripts],
    );
}
