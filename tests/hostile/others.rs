//! What other users of the machine could read or change: `check` and the start of a service say so,
//! and a journal of somebody else's is not touched.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene, program};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What is weak on the stage: who and how, in the words of the program, and how it is mended.
struct Weakness {
    path: PathBuf,
    mode: u32,
    parts: Vec<String>,
}

/// Each weakness is told by every command, with its remedy, and nothing of the kind without it.
fn assert_reported(weaknesses: &[Weakness], commands: &[&dyn Fn() -> Output]) {
    let amiss = ["can be changed by", "can read the secret"];
    for command in commands {
        let text = printed(&command());
        assert!(!amiss.iter().any(|part| text.contains(part)), "{text}");
    }
    for Weakness { path, mode, parts } in weaknesses {
        let before = fs::metadata(path).expect("a file").mode() & 0o7777;
        chmod(path, *mode);
        for command in commands {
            let text = printed(&command());
            for part in parts {
                assert!(text.contains(part), "no `{part}` in {text}");
            }
            let times = |part: &&str| text.matches(*part).count();
            assert_eq!(amiss.iter().map(times).sum::<usize>(), 1, "{text}");
        }
        chmod(path, before);
    }
}

fn weakness(path: PathBuf, mode: u32, parts: &[&str]) -> Weakness {
    let parts = parts.iter().map(|part| (*part).to_owned());
    let mut parts: Vec<String> = parts.collect();
    parts.push(path.display().to_string());
    Weakness { path, mode, parts }
}

#[test]
fn operators_are_warned_of_what_others_can_read_or_change() {
    let mut scene = Scene::new("others");
    let folder = scene.path("scripts");
    fs::create_dir(&folder).expect("a folder");
    let script = folder.join("x.sh");
    fs::copy(scene.path("record.sh"), &script).expect("a script");
    for rule in ["r", "s"] {
        scene.rule(rule, &format!("events = {FULFILL}\nscript = scripts/x.sh"));
    }
    // Everybody may look around in here; what they can do depends on the files.
    chmod(&scene.path(""), 0o755);
    let config = scene.config();
    chmod(&config, 0o640);
    let line = fs::read_to_string(&config).expect("a configuration");
    let line = line.lines().position(|line| line.starts_with("password"));
    let place = format!("listener.conf:{}:1", line.expect("a password") + 1);
    let told_by_check = [weakness(
        config.clone(),
        0o644,
        &[&place, "section [DEFAULT]"],
    )];
    let weaknesses = [
        weakness(
            config,
            0o644,
            &[
                "every user",
                "secret of `password`",
                "has mode 0644",
                "run `chmod o= ",
            ],
        ),
        weakness(
            scene.config(),
            0o622,
            &["can be changed by everybody", "run `chmod o-w "],
        ),
        weakness(script, 0o757, &["can be changed by everybody"]),
        weakness(folder, 0o777, &["on the way to", "scripts/x.sh"]),
    ];
    let check = || scene.run(&["check"]);
    let listen = || scene.drain();
    assert_reported(&told_by_check, &[&check]);
    assert_reported(&weaknesses, &[&listen, &check]);
}

#[test]
fn tenants_are_warned_of_what_others_can_read_or_change() {
    let mut poller = Poller::recording(FULFILL);
    let command = poller.openstack.command();
    let client = poller.script("client.sh", "shift 2\nexec \"$@\"");
    poller.replace(
        "openstack_command",
        &format!("{} --os-password hidden {command}", client.display()),
    );
    let (clouds, secure) = (poller.path("clouds.yaml"), poller.path("secure.yaml"));
    fs::write(&clouds, "clouds: {a: {auth: {username: u}}}").expect("a file");
    fs::write(&secure, "clouds: {a: {auth: {password: hidden}}}").expect("a file");
    chmod(&poller.path(""), 0o755);
    // Without a secret everybody may read it.
    chmod(&clouds, 0o644);
    chmod(&secure, 0o600);
    chmod(&poller.config(), 0o600);
    let weaknesses = [
        weakness(
            secure.clone(),
            0o644,
            &["secret of `password`", "has mode 0644"],
        ),
        weakness(
            poller.config(),
            0o604,
            &["secret of `openstack_command`", "has mode 0604"],
        ),
        weakness(client, 0o757, &["can be changed by everybody"]),
        weakness(
            poller.path("record.sh"),
            0o757,
            &["can be changed by everybody"],
        ),
    ];
    let told_by = |mut command: Command| {
        let clouds = command.env("OS_CLIENT_CONFIG_FILE", &clouds);
        let output = clouds.env("OS_CLIENT_SECURE_FILE", &secure).output();
        output.expect("the program")
    };
    let check = || {
        let mut command = poller.program("check");
        command.args(["--feed", "history"]);
        told_by(command)
    };
    let poll = || told_by(poller.polling(&["--from-start", "--force"]));
    assert_reported(&weaknesses, &[&poll, &check]);
}

#[test]
fn a_journal_in_a_folder_of_another_user_is_refused() {
    const NOBODY: u32 = 65_534;
    let mut poller = Poller::recording(FULFILL);
    poller.replace("state_dir", "/");
    poller.default("user = u\npassword = p\nhost = 127.0.0.1\nport = 1\nqueues = q");
    chmod(&poller.path(""), 0o755);
    let config = poller.config();
    // Somebody who is not root has to find the program, too.
    let own = poller.path("program");
    fs::copy(program(), &own).expect("a copy");
    let is_root = fs::metadata(&own).expect("a file").uid() == 0;
    for subcommand in [&["listen", "--until-idle"][..], &["poll", "--from-start"]] {
        let mut command = Command::new(&own);
        command.args(subcommand).arg("--config").arg(&config);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.current_dir("/").output().expect("the program");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        for part in [
            "/ belongs to user 0, but this process runs as user",
            "set `state_dir` to a folder of this user",
        ] {
            assert!(printed.contains(part), "no `{part}` in {printed}");
        }
    }
    assert!(poller.openstack.calls().is_empty() && !Path::new("/journal.sqlite").exists());
}
