//! The image that the Containerfile describes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::broker::reaper::Reaper;
use crate::support::broker::run_script;
use crate::support::scene::{FULFILL, Scene, lease, wait_until};
use crate::support::system::text;

use super::made;

const BASE: &str = "esi-event-actions-base:debian";

/// A script that leaves a process behind, which ends later.
const SCRIPT: &str = "#!/bin/sh\nsetsid sleep 1 >/dev/null 2>&1 &\necho done\n";

fn docker(arguments: &[&str]) -> Output {
    let output = Command::new("docker").args(arguments).output();
    output.expect("docker")
}

fn done(arguments: &[&str]) -> String {
    let output = docker(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn the_container_serves_takes_away_what_scripts_leave_and_drains() {
    let engine = Command::new("docker").arg("version").output();
    if !engine.is_ok_and(|answer| answer.status.success()) {
        eprintln!("no Docker engine answers: the Containerfile is not built");
        return;
    }
    let needs = "tini,ca-certificates,systemd-standalone-sysusers";
    run_script("debian-image", &[BASE, needs]).expect("an image");
    let package = made();
    let context = package.folder.to_str().expect("a path in UTF-8");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("Containerfile");
    let own = own.to_str().expect("a path in UTF-8");
    let name = format!("esi-event-actions-container-{:08x}", fastrand::u32(..));
    let clean_up = "docker rm -f -v \"$1\"; docker rmi -f \"$1\"";
    let _reaper = Reaper::arm(clean_up, &[&name]);
    let base = format!("BASE={BASE}");
    done(&[
        "build",
        "--quiet",
        "--file",
        own,
        "--build-arg",
        &base,
        "--tag",
        &name,
        context,
    ]);

    let mut scene = Scene::new("container");
    let rule = format!("events = {FULFILL}\nscript = script.sh");
    scene.without("state_dir").rule("rule", &rule);
    let script = scene.path("script.sh");
    fs::write(&script, SCRIPT).expect("a script");
    done(&["create", "--name", &name, "--network=host", &name]);
    for (file, place) in [
        (scene.config(), "esi-event-action-listener.conf"),
        (script, "script.sh"),
    ] {
        // What is copied keeps its rights.
        let mode = if place == "script.sh" { "755" } else { "644" };
        let mut chmod = Command::new("chmod");
        assert!(
            chmod
                .arg(mode)
                .arg(&file)
                .status()
                .expect("chmod")
                .success()
        );
        let from = file.to_str().expect("a path in UTF-8");
        let to = format!("{name}:/etc/esi-event-actions/{place}");
        done(&["cp", "--quiet", from, &to]);
    }
    done(&["start", &name]);
    scene.publish(lease("one", "node-1"));
    let program = |arguments: &[&str]| {
        let command = ["exec", &name, "esi-event-actions"];
        text(&docker(&[&command[..], arguments].concat()).stdout)
    };
    let runs = || program(&["runs", "list"]);
    wait_until("a run has succeeded", || runs().contains("succeeded"));
    let defunct = "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '";
    wait_until("no process is left", || {
        let sleeping = "cat /proc/[0-9]*/comm 2>/dev/null | grep -cx sleep";
        let count = |script: &str| text(&docker(&["exec", &name, "sh", "-c", script]).stdout);
        count(sleeping) == "0\n" && count(defunct) == "0\n"
    });

    let log = || done(&["logs", &name]);
    done(&["stop", "--time", "60", &name]);
    assert!(log().contains("SIGTERM: draining"), "{}", log());
    let ended = done(&["inspect", "--format", "{{.State.ExitCode}}", &name]);
    assert_eq!(ended, "0\n");

    // The journal is in the volume.
    done(&["start", &name]);
    wait_until("it serves again", || runs().contains("succeeded"));
    scene.delete_queue();
}
