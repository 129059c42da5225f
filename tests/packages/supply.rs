//! What the program is made of, by what cargo knows of it.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

fn metadata(arguments: &[&str]) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--format-version", "1"]);
    cargo
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().expect("cargo");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// `1.89` and `1.89.0` are the same.
fn version(text: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = text.split('.').filter_map(|it| it.parse().ok()).collect();
    numbers.resize(3, 0);
    numbers
}

#[test]
fn no_dependency_asks_for_a_newer_rust_than_we_do() {
    let target = "x86_64-unknown-linux-gnu";
    let all = metadata(&["--filter-platform", target]);
    let packages = all["packages"].as_array().expect("packages");
    let stated = |package: &Value| package["rust_version"].as_str().map(version);
    let name = env!("CARGO_PKG_NAME");
    let ours = packages
        .iter()
        .find(|it| it["name"] == name)
        .and_then(stated);
    let ours = ours.expect("a rust-version in Cargo.toml");
    let newer: Vec<String> = packages
        .iter()
        .filter(|it| stated(it).is_some_and(|it| it > ours))
        .map(|it| format!("{} asks for {}", it["name"], it["rust_version"]))
        .collect();
    assert!(newer.is_empty(), "Cargo.toml states {ours:?}: {newer:#?}");
    assert!(packages.iter().filter(|it| stated(it).is_some()).count() > 100);
}

#[test]
fn deb_and_rpm_have_the_same_files() {
    let own = metadata(&["--no-deps"]);
    let own = &own["packages"][0]["metadata"];
    let list = |kind: &str| own[kind]["assets"].as_array().expect("assets").clone();
    let shared = |source: &Value| {
        let source = source.as_str().expect("a source").to_owned();
        source
            .strip_prefix("target/package/root/")
            .map(str::to_owned)
    };
    let deb: BTreeSet<_> = list("deb")
        .iter()
        .filter_map(|it| Some((shared(&it[0])?, it[2].clone().to_string())))
        .collect();
    let rpm: BTreeSet<_> = list("generate-rpm")
        .iter()
        .filter_map(|it| Some((shared(&it["source"])?, it["mode"].clone().to_string())))
        .collect();
    assert_eq!(deb, rpm);
    assert!(deb.len() > 10, "{deb:?}");
}
