//! The .deb in a clean Debian system: installed, started, upgraded, removed and purged.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::broker::{Broker, run_script};
use crate::support::scene::{FULFILL, Scene, lease, wait_until};
use crate::support::stage::{PATIENCE, private_folder};
use crate::support::system::{System, text};

use super::{Package, made, shell};

const CONFIG: &str = "/etc/esi-event-actions/esi-event-action-listener.conf";
const STATE: &str = "/var/lib/esi-event-actions";
const UNIT: &str = "esi-event-actions";

/// A script that takes its time, and says so where the unit lets it write.
const SLOW: &str = "#!/bin/sh\necho \"$1 began\" >>/var/lib/esi-event-actions/log\nsleep 3\n\
                    echo \"$1 ended\" >>/var/lib/esi-event-actions/log\n";

/// The same package as of an older version, with another configuration.
fn older(folder: &Path) -> PathBuf {
    let (tree, file) = (folder.join("older"), folder.join("older.deb"));
    let make = format!(
        "dpkg-deb -R \"$1\" \"$2\" && sed -i 's/^Version: .*/Version: 0.0.9-1/' \"$2/DEBIAN/control\" && \
         echo '# as it was' >>\"$2{CONFIG}\" && dpkg-deb -Zgzip -z1 --root-owner-group -b \"$2\" \"$3\""
    );
    shell(&make, &[&made().file, &tree, &file]);
    file
}

/// Installs one, as apt does when nobody is asked: a configuration that was changed stays.
const INSTALL: &[&str] = &[
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "dpkg",
    "--force-confdef",
    "--force-confold",
    "-i",
];

fn install(system: &System, package: &str) {
    system.done(&[INSTALL, &[package]].concat());
}

fn installed(system: &System) -> String {
    let format = "${db:Status-Status} ${Version}";
    system.done(&["dpkg-query", "-W", "-f", format, UNIT])
}

fn active(system: &System) -> String {
    system.property("ActiveState")
}

fn said(system: &System) -> Vec<String> {
    let log = system
        .call(&["cat", "/var/lib/esi-event-actions/log"])
        .stdout;
    text(&log).lines().map(str::to_owned).collect()
}

/// Waits until the script has said this.
fn wait_for(system: &System, line: &str) {
    let began = Instant::now();
    while !said(system).iter().any(|it| it == line) {
        let log = || system.log();
        assert!(began.elapsed() < PATIENCE, "no `{line}`: {}", log());
        sleep(Duration::from_millis(100));
    }
}

/// What `runs list` shows, oldest first: the state, and the number of attempts.
fn runs(system: &System) -> Vec<String> {
    let listed = system.done(&[UNIT, "runs", "list", "--format", "json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
    let of = |run: &serde_json::Value| format!("{} after {}", run["state"], run["attempts"]);
    runs.iter().map(of).collect()
}

#[test]
fn lintian_finds_no_error_and_the_same_files_make_the_same_package() {
    run_script("install-packages", &["lintian"]).expect("lintian");
    let judge = "lintian --allow-root --fail-on error,warning \"$1\" 2>&1";
    shell(judge, &[&made().file]);
    let again = Package::make();
    shell("cmp \"$1\" \"$2\"", &[&made().file, &again.file]);
}

#[test]
fn the_deb_is_installed_upgraded_and_purged() {
    let share_network = ["--network=host"];
    let Some(system) = System::boot("the .deb is not installed", &share_network) else {
        return;
    };
    let folder = private_folder();
    system.copy(&made().file, "/root/present.deb", "644");
    system.copy(&older(folder.path()), "/root/older.deb", "644");

    // Installed, it waits for its administrator.
    install(&system, "/root/older.deb");
    assert_eq!(active(&system), "inactive");
    assert_eq!(system.property("UnitFileState"), "disabled");
    let owner = system.done(&["stat", "-c", "%U:%G %a", STATE]);
    assert_eq!(owner, "esi-event-actions:esi-event-actions 700\n");
    let shipped = system.done(&[UNIT, "check"]);
    assert!(shipped.contains("password_file"), "{shipped}");

    // Real messages, from a real broker.
    let mut scene = Scene::new("packages");
    let rule = format!("events = {FULFILL}\nscript = slow.sh\nscript_params = purpose");
    scene.without("state_dir").without("password");
    scene
        .default("password_file = password")
        .rule("slow", &rule);
    system.copy(&scene.config(), CONFIG, "644");
    system.write(SLOW, "/etc/esi-event-actions/slow.sh", "755");
    let password = Broker::shared().password();
    system.write(password, "/etc/esi-event-actions/password", "600");
    let checked = system.done(&[UNIT, "check"]);
    assert!(checked.contains("no problems"), "{checked}");
    system.done(&["systemctl", "enable", "--now", UNIT]);
    scene.publish(lease("one", "node-1"));
    wait_for(&system, "one ended");

    // An upgrade that finds no room leaves what is there, and that serves.
    let full = "size=$(du -sm /usr/bin | cut -f 1) && mount -t tmpfs -o mode=755,size=$((size + 8))m tmpfs /mnt && \
                cp -a /usr/bin/. /mnt/ && mount --bind /mnt /usr/bin";
    system.done(&["sh", "-c", full]);
    let refused = system.call(&[INSTALL, &["/root/present.deb"]].concat());
    let why = text(&refused.stderr);
    assert!(why.contains("No space left on device"), "{refused:?}");
    assert_eq!(installed(&system), "installed 0.0.9-1");
    assert_eq!(active(&system), "active");
    system.done(&["mount", "-o", "remount,size=1g", "/usr/bin"]);

    // An upgrade with room: the service starts again once its script has ended, with the configuration that was written.
    scene.publish(lease("two", "node-1"));
    wait_for(&system, "two began");
    let before = system.property("MainPID");
    install(&system, "/root/present.deb");
    assert_eq!(
        installed(&system),
        format!("installed {}-1", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(active(&system), "active");
    let after = system.property("MainPID");
    assert_ne!(after, before);
    let serves = system.done(&[
        "runuser",
        "-u",
        UNIT,
        "readlink",
        &format!("/proc/{after}/exe"),
    ]);
    assert_eq!(serves, "/usr/bin/esi-event-actions\n");
    assert_eq!(said(&system)[2..], ["two began", "two ended"]);
    system.done(&["grep", "-q", "slow.sh", CONFIG]);
    system.done(&["test", "-e", &format!("{CONFIG}.dpkg-dist")]);
    scene.publish(lease("three", "node-1"));
    wait_for(&system, "three ended");
    wait_until("its end is on record", || {
        runs(&system) == ["\"succeeded\" after 1"; 3]
    });

    what_the_program_refuses_is_told_and_costs_nothing(&system);

    // Removed, it leaves what it was told and what it has written; purged, only what others have put there.
    system.done(&["dpkg", "-r", UNIT]);
    assert_eq!(active(&system), "inactive");
    system.done(&[
        "test",
        "-e",
        &format!("{STATE}/journal.sqlite"),
        "-a",
        "-e",
        CONFIG,
    ]);
    install(&system, "/root/present.deb");
    assert_eq!(runs(&system), ["\"succeeded\" after 1"; 3]);
    system.done(&["dpkg", "-P", UNIT]);
    let left = "find / -name 'esi-event-action*' -not -path '/proc/*' | sort; \
                ls /etc/esi-event-actions";
    let left = system.done(&["sh", "-c", left]);
    assert_eq!(left, "/etc/esi-event-actions\nslow.sh\n");
    scene.delete_queue();
}

/// A configuration from before with an option that is gone, and a journal that a later program has written.
fn what_the_program_refuses_is_told_and_costs_nothing(system: &System) {
    let edit = |expression: &str| {
        system.done(&["sed", "-i", expression, CONFIG]);
    };
    edit("$ a gone = yes");
    install(system, "/root/present.deb");
    assert_eq!(active(system), "failed");
    assert_eq!(system.property("ExecMainStatus"), "78");
    system.wait_for("there is no option `gone`");
    edit("$ d");
    system.done(&["systemctl", "restart", UNIT]);

    // SQLite's header has the version of the tables in four bytes of its own.
    let version = |number: &str| {
        let set = format!(
            "printf '\\000\\000\\000\\{number}' | \
             dd of={STATE}/journal.sqlite bs=1 seek=60 conv=notrunc status=none"
        );
        system.done(&["sh", "-c", &set]);
    };
    system.done(&["systemctl", "stop", UNIT]);
    version("143");
    let refused = system.call(&["systemctl", "start", UNIT]);
    assert!(!refused.status.success(), "{refused:?}");
    system.wait_for("of version 99, but this program knows versions up to");
    // It is tried again until the program that knows it is installed.
    install(system, "/root/present.deb");
    version("001");
    wait_until("it serves", || active(system) == "active");
}
