//! What the broker and the way to it can do to the service, and that it says what it waits for.

use std::borrow::Borrow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{LockResult, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::support::broker::{Broker, Reaper};
use crate::support::scene::{FULFILL, Scene};

mod addresses;
mod certificate;
mod hosts;
mod limits;
mod logins;
mod looking;
mod operator;
mod pressure;
mod proxy;
mod queues;
mod restart;
mod systemd;
mod tls;
mod tuning;
mod wear;

/// The exit status that says: try again later.
const TEMPORARY: Option<i32> = Some(75);

/// A virtual host of our broker, where its first user has all rights.
const VHOST: &str = "faults";

/// There has all rights too: a user and a password that a URL has to write in another way.
const ODD: (&str, &str) = ("esi/leap", "p@ss:/,%?#word");

/// There has no right: a user and a password.
const NOBODY: (&str, &str) = ("nobody", "password");

/// Has all rights until it is removed: a user and a password.
const LEAVING: (&str, &str) = ("leaving", "password");

/// A broker of these scenarios' own, with TLS: they stop it, freeze it and rule it.
struct Ours {
    broker: Broker,
    folder: PathBuf,
    _reaper: Reaper,
}

static IN_USE: RwLock<()> = RwLock::new(());

fn ours() -> &'static Ours {
    static OURS: OnceLock<Ours> = OnceLock::new();
    OURS.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("broker-faults-{}", std::process::id()));
        let reaper = Reaper::arm("rm -rf \"$1\"", &[&folder.to_string_lossy()]);
        let broker = Broker::private_with_tls(&tls::make_certificates(&folder).server());
        // In one call: each one starts an Erlang machine.
        let steps = [
            format!("ok = rabbit_vhost:add(<<\"{VHOST}\">>, <<\"tests\">>)"),
            permit(broker.user(), ".*"),
            add(ODD),
            permit(ODD.0, ".*"),
            add(NOBODY),
            permit(NOBODY.0, ""),
            add(LEAVING),
            permit(LEAVING.0, ".*"),
        ];
        let ours = Ours {
            broker,
            folder,
            _reaper: reaper,
        };
        ours.eval(&steps);
        ours
    })
}

/// The step that gives a user this right to everything in [`VHOST`].
fn permit(user: &str, all: &str) -> String {
    format!(
        "ok = rabbit_auth_backend_internal:set_permissions(<<\"{user}\">>, <<\"{VHOST}\">>, \
         <<\"{all}\">>, <<\"{all}\">>, <<\"{all}\">>, <<\"tests\">>)"
    )
}

/// The step that makes a user, who has no right yet.
fn add((user, password): (&str, &str)) -> String {
    format!(
        "ok = rabbit_auth_backend_internal:add_user(<<\"{user}\">>, <<\"{password}\">>, <<\"tests\">>)"
    )
}

/// Our broker, which stays up meanwhile.
fn running() -> (&'static Ours, RwLockReadGuard<'static, ()>) {
    let turn = in_spite_of_failures(IN_USE.read());
    (ours(), turn)
}

/// Our broker, for one scenario alone.
fn alone() -> (&'static Ours, RwLockWriteGuard<'static, ()>) {
    let turn = in_spite_of_failures(IN_USE.write());
    (ours(), turn)
}

/// The turn, also after a scenario has failed that had the broker alone: what the others find is worth knowing.
fn in_spite_of_failures<Turn>(turn: LockResult<Turn>) -> Turn {
    turn.unwrap_or_else(|poisoned| {
        eprintln!(
            "a scenario that had the broker alone has failed, and may have left it stopped or changed"
        );
        poisoned.into_inner()
    })
}

#[test]
fn a_scenario_that_fails_with_the_broker_alone_keeps_no_other_from_its_turn() {
    let in_use = RwLock::new(());
    let failed = catch_unwind(AssertUnwindSafe(|| {
        let _turn = in_spite_of_failures(in_use.write());
        resume_unwind(Box::new("a scenario failed"));
    }));
    assert!(failed.is_err() && in_use.is_poisoned());
    drop(in_spite_of_failures(in_use.read()));
    drop(in_spite_of_failures(in_use.write()));
}

/// A rule that writes these fields of the lease to the log.
fn record(scene: &mut Scene, fields: &str) {
    let options = format!("events = {FULFILL}\nscript = record.sh\nscript_params = {fields}");
    scene.rule("record", &options);
}

/// What `listen --until-idle` says when it gives up on the broker.
fn given_up(scene: &Scene) -> String {
    let output = scene.run(&["listen", "--until-idle"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), TEMPORARY, "{said}");
    said
}

/// The line of the log that has this in it.
fn line_with<'a>(log: &'a str, part: &str) -> &'a str {
    log.lines()
        .find(|line| line.contains(part))
        .unwrap_or_else(|| panic!("no line with `{part}` in\n{log}"))
}

impl Ours {
    /// Has the broker take these steps in its own language.
    fn eval<S: Borrow<str>>(&self, steps: &[S]) {
        self.broker
            .rabbitmqctl(&["eval", &(steps.join(", ") + ".")]);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
