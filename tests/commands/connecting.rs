//! `check --connect`: what the broker and the cloud answer, and that nothing is changed by the questions.

use lapin::options::{BasicConsumeOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::{assert_refused, text};
use crate::support::amqp::{Declaration, connect, unique};
use crate::support::broker::Broker;
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene};

/// What is printed on standard output; it has to end well.
#[track_caller]
fn told(scene: &Scene) -> String {
    let output = scene.run(&["check", "--connect"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(&output.stdout).to_owned()
}

/// The line that says this of the bus.
#[track_caller]
fn line<'a>(told: &'a str, begin: &str) -> &'a str {
    let line = told.lines().find_map(|line| {
        let line = line.strip_prefix("bus: ")?;
        line.starts_with(begin).then_some(line)
    });
    line.unwrap_or_else(|| panic!("no `bus: {begin}` in {told}"))
}

fn checking(name: &str) -> Scene {
    let mut scene = Scene::on(Broker::shared(), name);
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    scene
}

#[test]
fn each_queue_is_told_as_it_is_declared_and_stays_as_it_is() {
    let mut scene = checking("connect-kinds");
    let queues: Vec<String> = Declaration::ALL
        .iter()
        .map(|how| unique(&format!("connect-{how:?}")))
        .collect();
    let limited = unique("connect-limited");
    scene.as_publisher(async |publisher| {
        for (how, queue) in Declaration::ALL.into_iter().zip(&queues) {
            // Each with an exchange of its own, of the same kind as the queue.
            publisher.declare(queue, queue, how).await;
            publisher.publish(queue, queue, "{}").await;
        }
    });
    let connection = scene.as_publisher(async |_| connect(Broker::shared().url()).await);
    scene.as_publisher(async |_| {
        let mut arguments = FieldTable::default();
        for (name, value) in [
            ("x-message-ttl", AMQPValue::LongInt(60_000)),
            ("x-max-length", AMQPValue::LongLongInt(7)),
            ("x-max-length-bytes", AMQPValue::LongInt(1_000)),
            ("x-overflow", AMQPValue::LongString("reject-publish".into())),
            (
                "x-dead-letter-exchange",
                AMQPValue::LongString("elsewhere".into()),
            ),
            ("x-single-active-consumer", AMQPValue::Boolean(true)),
            ("x-max-priority", AMQPValue::ShortShortInt(3)),
        ] {
            arguments.insert(name.into(), value);
        }
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let channel = connection.create_channel().await.expect("a channel");
        let declaring = channel.queue_declare(limited.as_str().into(), durable, arguments);
        declaring.await.expect("a queue");
    });
    let all = [queues.as_slice(), std::slice::from_ref(&limited)].concat();
    scene.replace("queues", &all.join(", "));

    let printed = told(&scene);
    for (how, queue) in Declaration::ALL.into_iter().zip(&queues) {
        let kind = match how {
            Declaration::Transient | Declaration::HaPolicy => "classic, transient",
            Declaration::Durable => "classic, durable",
            Declaration::AutoDelete => "classic, transient, auto-delete",
            Declaration::DurableAutoDelete => "classic, durable, auto-delete",
            Declaration::Quorum => "quorum, durable",
            Declaration::Expiring => "classic, durable, x-expires 3600000",
        };
        let expected = format!("queue {queue}: {kind}; 1 message ready, no consumer");
        assert_eq!(line(&printed, &format!("queue {queue}: ")), expected);
        for (is_so, warning) in [
            (!how.is_durable(), "is transient"),
            (how.is_auto_delete(), "goes with its last consumer"),
            (
                how == Declaration::Expiring,
                "is deleted with what is in it",
            ),
        ] {
            let warning = format!("warning: queue {queue} {warning}");
            assert_eq!(printed.contains(&warning), is_so, "{warning}: {printed}");
        }
    }
    assert_eq!(
        line(&printed, &format!("queue {limited}: ")),
        format!(
            "queue {limited}: classic, durable, x-dead-letter-exchange elsewhere, x-max-length 7, \
             x-max-length-bytes 1000, x-max-priority 3, x-message-ttl 60000, x-overflow reject-publish, \
             x-single-active-consumer true; 0 messages ready, no consumer"
        )
    );
    for part in [
        "keeps messages for 60s only: an older one goes to exchange `elsewhere` instead",
        "holds at most 7 messages: when it is full, a new one is refused to its sender",
        "holds at most 1000 bytes: when it is full, a new one is refused to its sender",
    ] {
        let warning = format!("warning: queue {limited} {part}");
        assert!(printed.contains(&warning), "{warning}: {printed}");
    }

    // Nothing was taken, not even to be put back; nothing was made anew, and nobody consumes.
    assert_eq!(told(&scene), printed);
    scene.as_publisher(async |publisher| {
        for queue in &queues {
            assert_eq!(publisher.counts(queue).await, Some((1, 0)), "{queue}");
            let channel = connection.create_channel().await.expect("a channel");
            let getting = channel.basic_get(queue.as_str().into(), BasicGetOptions::default());
            let message = getting.await.expect("an answer").expect("the message");
            assert!(!message.redelivered, "{queue}");
        }
        for queue in &all {
            publisher.delete(queue).await;
        }
    });
}

#[test]
fn queues_and_exchanges_that_are_missing_are_told_and_not_made() {
    let mut scene = checking("connect-missing");
    let exchange = scene.exchange.clone();
    scene.default(&format!("exchange = {exchange}"));
    let queue = scene.queue.clone();
    let printed = told(&scene);
    assert!(
        line(&printed, "queue")
            .starts_with(&format!("queue {queue}: does not exist yet; ESI Leap")),
        "{printed}"
    );
    assert!(line(&printed, "exchange").contains("does not exist yet"));
    assert!(printed.contains(&format!("warning: queue {queue} does not exist")));
    assert!(
        printed.contains("rabbitmqctl list_bindings -p /"),
        "{printed}"
    );
    let broker = Broker::shared();
    let url = format!(
        "`transport_url` for this broker, in [oslo_messaging_notifications] of esi-leap.conf: \
         rabbit://{}:***@{}:{}/ ",
        broker.user(),
        broker.host(),
        broker.port()
    );
    assert!(printed.contains(&url), "{url}: {printed}");
    assert_eq!(scene.waiting(), None);

    scene.default("declare_queues = durable");
    let printed = told(&scene);
    assert!(printed.contains("this service declares it when it starts"));
    assert!(!printed.contains("warning"), "{printed}");
    assert_eq!(scene.waiting(), None);

    scene.declare(Declaration::Durable);
    let printed = told(&scene);
    assert_eq!(
        line(&printed, "exchange"),
        format!("exchange {exchange}: exists")
    );
    scene.delete_queue();
}

#[test]
fn a_consumer_that_is_this_service_is_told_from_others() {
    let scene = checking("connect-consumers");
    scene.declare(Declaration::Durable);
    let connection = scene.as_publisher(async |_| connect(Broker::shared().url()).await);
    let consume = || {
        scene.as_publisher(async |_| {
            let channel = connection.create_channel().await.expect("a channel");
            let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
            let consuming =
                channel.basic_consume(scene.queue.as_str().into(), "".into(), options, none);
            (consuming.await.expect("a consumer"), channel)
        })
    };
    let service = scene.listen();
    let printed = told(&scene);
    assert!(!printed.contains("warning"), "{printed}");
    assert!(line(&printed, "queue").ends_with("1 consumer: this service"));
    let other = consume();
    let printed = told(&scene);
    assert!(line(&printed, "queue").ends_with("2 consumers, one of which is this service"));
    assert!(printed.contains("has 1 other consumer, and each message goes to one"));
    service.stop();
    let printed = told(&scene);
    assert!(line(&printed, "queue").ends_with("1 consumer"), "{printed}");
    assert!(printed.contains("has 1 consumer, while no service with this journal runs"));
    drop(other);
    scene.delete_queue();
}

#[test]
fn who_cannot_be_reached_is_told_with_the_code_for_that_and_never_a_password() {
    let mut scene = checking("connect-refused");
    scene.declare(Declaration::Durable);
    let refused = |scene: &Scene, parts: &[&str]| {
        let output = scene.run(&["check", "--connect"]);
        assert_eq!(output.status.code(), Some(75), "{output:?}");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        for part in parts {
            assert!(stderr.contains(part), "no `{part}` in {stderr}");
        }
        assert!(!(stdout.contains("not-it") || stderr.contains("not-it")));
        assert!(!stdout.contains("bus: queue"), "{stdout}");
    };
    let password = Broker::shared().password().to_owned();
    scene.replace("password", "not-it");
    refused(
        &scene,
        &[
            "error: failed to connect to the broker: ",
            "refuses user",
            "section [DEFAULT]",
            "hint: ",
        ],
    );
    scene.replace("password", &password);
    scene.replace("vhost", "no-such");
    refused(&scene, &["check `vhost`"]);
    // Nothing is asked as long as the file has errors.
    scene.rule("broken", "script = record.sh");
    let broken = scene.run(&["check", "--connect"]);
    assert_refused(&broken, 78, &["[broken]"]);
    scene.delete_queue();
}

#[test]
fn a_host_that_is_only_the_second_choice_may_be_away_but_is_told() {
    let broker = Broker::shared();
    let mut scene = checking("connect-hosts");
    scene.declare(Declaration::Durable);
    for option in ["user", "password", "host", "port", "vhost"] {
        scene.without(option);
    }
    let login = format!("{}:{}", broker.user(), broker.password());
    scene.default(&format!(
        "transport_url = rabbit://{login}@{}:{},{login}@127.0.0.1:1/",
        broker.host(),
        broker.port()
    ));
    let source = format!(
        "type = amqp\ntransport_url = amqp://{login}@127.0.0.1:1/%%2f\nqueues = {}",
        scene.queue
    );
    let printed = told(&scene);
    assert!(
        printed.contains("warning: failed to connect to the broker: 127.0.0.1:1: "),
        "{printed}"
    );
    line(&printed, "queue");

    scene.rule("source:other", &source);
    let output = scene.run(&["check", "--connect"]);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    line(text(&output.stdout), "queue");
    let errors = text(&output.stderr);
    assert!(errors.contains("section [source:other]"), "{errors}");
    scene.delete_queue();
}

#[test]
fn of_the_cloud_one_small_question_is_asked() {
    let poller = Poller::recording("*");
    let check = || {
        let mut command = poller.program("check");
        command.args(["--connect", "--feed", "history"]);
        command.output().expect("the program")
    };
    let output = check();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = text(&output.stdout);
    assert!(
        printed.contains("ESI Leap: answers about its event history, using `"),
        "{printed}"
    );
    assert_eq!(poller.asked(), [i64::from(i32::MAX)]);

    let away = Fault::Exit(1, "Unable to establish connection".to_owned());
    poller.openstack.fault(At::Events, away);
    assert_refused_by_cloud(&check());
}

#[test]
fn a_rule_with_recheck_has_the_cloud_asked_for_a_lease_that_there_is_not() {
    let mut scene = checking("connect-recheck");
    scene.declare(Declaration::Durable);
    let poller = Poller::new();
    let command = poller.openstack.command();
    scene.default(&format!("openstack_command = {command}"));
    scene.rule(
        "asks",
        &format!("events = {FULFILL}\nscript = record.sh\nrecheck = {{\"status\": \"active\"}}"),
    );
    let printed = told(&scene);
    assert!(
        printed.contains("ESI Leap: answers about leases, using `"),
        "{printed}"
    );
    assert_eq!(poller.leases_asked(), 1);
    let away = Fault::Exit(1, "Unable to establish connection".to_owned());
    poller.openstack.fault(At::Leases, away);
    assert_refused_by_cloud(&scene.run(&["check", "--connect"]));
    scene.delete_queue();
}

#[track_caller]
fn assert_refused_by_cloud(output: &std::process::Output) {
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let errors = text(&output.stderr);
    for part in [
        "error: ESI Leap does not answer about ",
        "Unable to establish connection",
        "hint: try `openstack esi event list`",
    ] {
        assert!(errors.contains(part), "no `{part}` in {errors}");
    }
}
