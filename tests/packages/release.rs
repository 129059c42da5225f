//! What the page of a release holds.

use std::fs;
use std::path::Path;

use crate::support::broker::run_script;
use crate::support::scene::program;
use crate::support::stage::private_folder;

use super::shell;

#[test]
fn a_release_has_what_can_be_verified_installed_and_built() {
    let folder = private_folder();
    let out = folder.path().join("page");
    let built = program().to_str().expect("a path in UTF-8");
    let page = out.to_str().expect("a path in UTF-8");
    // Packages are tried elsewhere; an SBOM needs a tool that takes minutes to build.
    let arguments = ["--draft", "--program", built, "--out", page, "tar"];
    run_script("release", &arguments).expect("a release");

    shell(
        "cd \"$1\" && sha256sum --check --strict --quiet SHA256SUMS",
        &[&out],
    );
    let sums = fs::read_to_string(out.join("SHA256SUMS")).expect("checksums");
    assert_eq!(
        sums.lines().count() + 1,
        fs::read_dir(&out).expect("a page").count()
    );
    let notes = fs::read_to_string(out.join("notes.md")).expect("notes");
    let changes = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md"));
    let changes = changes.expect("CHANGELOG.md");
    let first = changes.split("\n## ").nth(1).expect("a section");
    let (_, first) = first.split_once('\n').expect("its title");
    assert_eq!(notes.trim(), first.trim());

    let version = env!("CARGO_PKG_VERSION");
    let unpacked = folder.path().join("unpacked");
    fs::create_dir(&unpacked).expect("a folder");
    shell(
        "for it in \"$1\"/*.tar.gz; do tar -xzf \"$it\" -C \"$2\"; done",
        &[&out, &unpacked],
    );
    let source = unpacked.join(format!("esi-event-actions-{version}"));
    assert!(source.join("Cargo.lock").exists());
    let run = "\"$1\"/esi-event-actions-*-linux-*/usr/bin/esi-event-actions --version";
    let said = shell(run, &[&unpacked]);
    assert_eq!(said, format!("esi-event-actions {version}\n"));
}
