//! A broker that is restarted, or not there yet: one outage, which all three cases live through.

use std::fs;
use std::panic::catch_unwind;
use std::process::Output;
use std::sync::OnceLock;

use super::lease;
use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::scene::{FULFILL, Scene, Service, wait_until};

/// What each one has to tell of the outage.
struct Outage {
    /// Listened on a transient queue, and had nothing to do.
    idle: Told,
    /// Listened on a transient queue, and had ten messages and a script that took long.
    busy: Told,
    /// Was down itself, while ten messages waited in a durable queue.
    down: Told,
    /// Started while the broker was down; a message waited in a durable queue.
    early: Told,
    /// The same, not to stay but to end when all is done.
    early_until_idle: Output,
    /// The broker's host and port.
    address: String,
}

/// What came of one listener.
struct Told {
    /// How many messages were in its queue when the broker was back, if there was a queue.
    kept: Option<u32>,
    /// What its scripts have logged in the end.
    ran: Vec<String>,
    /// The states of its runs in the end.
    states: Vec<String>,
    /// What it has logged itself.
    log: String,
}

impl Told {
    fn by(scene: &Scene, kept: Option<u32>, log: String) -> Self {
        let (ran, states) = (scene.log(), scene.states());
        Self {
            kept,
            ran,
            states,
            log,
        }
    }
}

/// The outage, for whichever case asks first.
fn outage() -> &'static Outage {
    static OUTAGE: OnceLock<Option<Outage>> = OnceLock::new();
    let outage = OUTAGE.get_or_init(|| catch_unwind(live_through).ok());
    outage
        .as_ref()
        .expect("the outage went as the case says that failed first")
}

fn live_through() -> Outage {
    let broker = Broker::private();
    let mut idle = stage(&broker, "outage-idle", Declaration::Transient);
    let mut busy = stage(&broker, "outage-busy", Declaration::Transient);
    let mut down = stage(&broker, "outage-down", Declaration::Durable);
    let mut early = stage(&broker, "outage-early", Declaration::Durable);
    busy.script(
        "record.sh",
        r#"until [ -e go ]; do sleep 0.05; done; echo "$1|" >>"$LOG""#,
    );

    let (idle_service, busy_service) = (idle.listen(), busy.listen());
    idle.publish(news("before"));
    idle.wait_for_log(1);
    let ten = || (0..10).map(|number| news(&number.to_string()));
    busy.publish_all(ten());
    down.publish_all(ten());
    wait_until("ten runs", || busy.runs().len() == 10);
    early.publish(news("waiting"));

    broker.stop();
    let early_until_idle = early.run(&["listen", "--until-idle"]);
    let early_service = early.start(&[]);
    early_service.wait_for("; trying again in ");
    broker.start();
    for scene in [&mut idle, &mut busy, &mut down, &mut early] {
        scene.reconnect(&broker);
    }

    let kept = [&busy, &down].map(Scene::waiting);
    fs::write(busy.path("go"), "").expect("a file");
    busy.wait_for_log(10);
    let busy = Told::by(&busy, kept[0], stopped(&busy, busy_service));
    let log = String::from_utf8(down.drain().stderr).expect("text");
    let down = Told::by(&down, kept[1], log);

    idle_service.wait_for(&format!("waiting for queue {}", idle.queue));
    let kept = idle.waiting();
    idle.declare(Declaration::Transient);
    idle.publish(news("after"));
    idle.wait_for_log(2);
    let idle = Told::by(&idle, kept, stopped(&idle, idle_service));
    early.wait_for_log(1);
    let early = Told::by(&early, None, stopped(&early, early_service));
    Outage {
        idle,
        busy,
        down,
        early,
        early_until_idle,
        address: format!("{}:{}", broker.host(), broker.port()),
    }
}

/// A stage with a queue and a rule that records the lease's id.
fn stage(broker: &Broker, name: &str, declaration: Declaration) -> Scene {
    let mut scene = Scene::on(broker, name);
    scene.declare(declaration);
    let options = format!("events = {FULFILL}\nscript = record.sh\nscript_params = uuid");
    scene.rule("case", &options);
    scene
}

fn news(uuid: &str) -> String {
    lease(FULFILL).with("uuid", uuid).body
}

/// Stops a service that has nothing left to do, and gives its log.
fn stopped(scene: &Scene, service: Service) -> String {
    wait_until("the end of all runs", || {
        scene.states().iter().all(|state| state == "succeeded")
    });
    service.stop()
}

fn numbers() -> Vec<String> {
    (0..10).map(|number| format!("{number}|")).collect()
}

/// The original: dead, `CONNECTION_FORCED`, and it did not come back.
#[test]
fn broker_restart() {
    let Told {
        kept,
        ran,
        states,
        log,
    } = &outage().idle;
    // The queue went with the broker; it was waited for until ESI Leap made it anew.
    assert_eq!(*kept, None);
    assert_eq!(ran[..], ["before|", "after|"]);
    assert_eq!(states[..], ["succeeded"; 2]);
    assert!(log.contains("lost the connection to "), "{log}");
    assert_eq!(log.matches("connected to ").count(), 2, "{log}");
}

/// The original: ten messages waited in a transient queue, for a listener that was down, and went
/// with the broker. A listener that is up has them on disk before that, however long its scripts
/// take; one that is down finds them in a durable queue, which it now can consume.
#[test]
fn broker_restart_backlog() {
    let Outage { busy, down, .. } = outage();
    assert_eq!((busy.kept, down.kept), (None, Some(10)));
    for told in [busy, down] {
        assert_eq!(told.ran, numbers(), "{}", told.log);
        assert_eq!(told.states[..], ["succeeded"; 10]);
    }
}

/// The original: dead, `AMQPConnectionError`. Now it waits for the broker, and says so; only with
/// `--until-idle` it ends, with the status that means "try again later".
#[test]
fn no_broker() {
    let outage = outage();
    let refused = format!("failed to connect to the broker: {}: ", outage.address);
    let output = &outage.early_until_idle;
    assert_eq!(output.status.code(), Some(75));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains(&format!("error: {refused}")), "{log}");

    let Told {
        ran, states, log, ..
    } = &outage.early;
    assert!(log.contains(&refused), "{log}");
    assert!(log.contains("; trying again in "), "{log}");
    assert_eq!(ran[..], ["waiting|"]);
    assert_eq!(states[..], ["succeeded"]);
}
