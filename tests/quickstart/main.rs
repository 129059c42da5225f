//! The demonstration that `scripts/quickstart` runs: the main job on real parts, each step shown as
//! a command that a user could type.
//!
//! It ends with a failure if anything shown is not as it should be: CI runs it too.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use expected::expect;
use serde_json::Value;
use support::amqp::{Declaration, Publisher, unique};
use support::broker::Broker;
use support::captured::{self, Captured, Driver};

#[path = "../support"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the scenarios need more of it than this does"
)]
mod support {
    pub(crate) mod amqp;
    pub(crate) mod broker;
    pub(crate) mod captured;
}

mod expected;

/// The captured notifications that are published, by their numbers, in this order: all six types.
const PUBLISHED: [usize; 8] = [5, 6, 13, 14, 8, 9, 20, 24];

/// Of these, one that a filter refuses.
const REFUSED: usize = 9;

const RULES: &str = r#"
[prepare]
events = esi_leap.lease.fulfill.start
script = prepare.sh
script_params = node_name
filter_params = {"purpose": "test", "properties.vendor": "foo"}
retries = 3

[fulfill]
events = esi_leap.lease.fulfill.end
script = fulfill.sh
script_params = node_name,node_uuid,purpose,start_time,end_time

[delete]
events = esi_leap.lease.delete.end
script = delete.sh
script_params = node_name,node_uuid,purpose,fulfill_time

[announce]
events = esi_leap.lease.*.error
script = echo "ESI Leap failed with the lease of node"
script_params = node_name

[ticket]
events = esi_leap.lease.delete.error
script = ticket.sh
script_params = node_name
retries = 1
"#;

const PREPARE: &str = r#"#!/bin/sh
# Fails at its first attempt, as if the switch were not ready yet.
echo "preparing node $1"
[ "$ESI_ATTEMPT" -gt 1 ] || { echo "its switch does not answer" >&2; exit 1; }
echo "its port is up"
"#;

const TICKET: &str = r#"#!/bin/sh
# Fails whenever it is tried.
echo "opening a ticket for node $1"
echo "tickets.example.org: connection refused" >&2
exit 69
"#;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let why = panic.payload();
        let why = (why.downcast_ref::<String>().map(String::as_str))
            .or_else(|| why.downcast_ref::<&str>().copied());
        eprintln!("quickstart: {}", why.unwrap_or("a defect"));
    }));
    let Some(program) = std::env::args_os().nth(1) else {
        eprintln!("quickstart: start it with scripts/quickstart");
        return ExitCode::FAILURE;
    };
    match Demo::new(program.into()).and_then(|demo| demo.show()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nquickstart: FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The place where everything happens.
struct Demo {
    /// As it is shown and called: relative to the current folder where it is below that.
    program: PathBuf,
    folder: PathBuf,
    broker: &'static Broker,
    /// On a broker of somebody else nothing bears a name that ESI Leap uses.
    foreign: bool,
    exchange: String,
    /// What ESI Leap calls a queue, and what it is called here.
    queues: [(&'static str, String); 2],
}

impl Demo {
    fn new(program: PathBuf) -> Result<Self, String> {
        let folder = program
            .ancestors()
            .nth(2)
            .ok_or("the program is not where cargo puts it")?
            .join("quickstart");
        heading("A broker");
        let broker = Broker::shared();
        println!();
        let foreign = std::env::var_os("AMQP_URL").is_some_and(|url| !url.is_empty());
        let name = |name: &str| {
            if foreign {
                unique(&format!("quickstart.{name}"))
            } else {
                name.to_owned()
            }
        };
        let queues = ["info", "error"].map(|priority| match priority {
            "info" => "esi_leap_versioned_notifications.info",
            _ => "esi_leap_versioned_notifications.error",
        });
        Ok(Self {
            program,
            folder,
            broker,
            foreign,
            exchange: name("openstack"),
            queues: queues.map(|queue| (queue, name(queue))),
        })
    }

    fn show(&self) -> Result<(), String> {
        heading("A configuration, and scripts beside it");
        self.lay_out()
            .map_err(|error| format!("failed to write in {}: {error}", self.folder.display()))?;
        let config = self.folder.join("listener.conf");
        let text = fs::read_to_string(&config).map_err(|error| error.to_string())?;
        println!("$ cat {}\n{}\n", config.display(), indented(&text));
        self.run(&["check"], 0)?;

        heading("Messages that a real ESI Leap sent, and one that breaks off");
        let messages = self.publish()?;

        heading("The service, until there is nothing left to do");
        println!("A run will be given up, and then it ends with status 1.\n");
        let listened = self.run(&["listen", "--until-idle"], 1);
        self.remove_queues();
        listened?;

        heading("What ran");
        self.run(&["runs", "list"], 0)?;
        let ticket = self.expect_runs()?;

        heading("The run that was given up");
        self.run(&["runs", "show", &ticket.to_string()], 0)?;
        self.expect_output(ticket)?;

        heading("The message that breaks off is kept");
        self.run(&["quarantine", "list"], 0)?;
        self.expect_quarantine(&messages)?;

        heading("Why a message ran nothing");
        let refused = self.message_file(REFUSED, &messages)?;
        self.run(&["explain", &refused], 0)?;
        self.expect_refusal(&refused)?;

        heading("What the scripts have done: a node is in the inventory");
        self.expect_inventory()?;

        heading("All of it is as it should be");
        println!(
            "Everything is in {}. Look around, for one with\n\n$ {}\n",
            self.folder.display(),
            self.shown(&["runs", "show", "1"])
        );
        Ok(())
    }

    /// A folder of its own, new each time.
    fn lay_out(&self) -> std::io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(self.folder.join("messages"))?;
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples");
        for name in ["fulfill.sh", "delete.sh"] {
            fs::copy(scripts.join(name), self.folder.join(name))?;
        }
        for (name, text) in [("prepare.sh", PREPARE), ("ticket.sh", TICKET)] {
            fs::write(self.folder.join(name), text)?;
            fs::set_permissions(self.folder.join(name), fs::Permissions::from_mode(0o755))?;
        }
        // The configuration is shown, and AMQP_URL may hold a real password.
        let mut password = fs::File::options();
        let password = password.write(true).create_new(true).mode(0o600);
        std::io::Write::write_all(
            &mut password.open(self.folder.join("password"))?,
            self.broker.password().as_bytes(),
        )?;
        let [(_, info), (_, error)] = &self.queues;
        let as_is = |text: &str| text.replace('%', "%%");
        let settings = format!(
            "[DEFAULT]\nuser = {}\npassword_file = password\nhost = {}\nport = {}\nvhost = {}\n\
             queues = {info},{error}\nstate_dir = state\nretry_delay = 1s\n",
            as_is(self.broker.user()),
            self.broker.host(),
            self.broker.port(),
            as_is(self.broker.vhost()),
        );
        fs::write(self.folder.join("listener.conf"), settings + RULES)
    }

    /// Publishes the messages as ESI Leap does, and one that breaks off in the middle.
    fn publish(&self) -> Result<Vec<Captured>, String> {
        let messages = captured::all(Driver::MessagingV2);
        runtime()?.block_on(async {
            let publisher = Publisher::connect(self.broker.url()).await;
            let declaration = if self.foreign {
                Declaration::AutoDelete
            } else {
                Declaration::Transient
            };
            for (_, queue) in &self.queues {
                publisher.declare(&self.exchange, queue, declaration).await;
            }
            for number in PUBLISHED {
                let message = &messages[number - 1];
                let file = self.message_file(number, &messages)?;
                fs::write(&file, &message.body).map_err(|error| format!("{file}: {error}"))?;
                let queue = self.queue_of(message);
                publisher
                    .publish(&self.exchange, queue, &message.body)
                    .await;
                println!("  {}", described(message));
            }
            let message = &messages[PUBLISHED[0] - 1];
            let queue = self.queue_of(message);
            publisher
                .publish(&self.exchange, queue, broken(message))
                .await;
            println!("  the first {} bytes of the first\n", broken(message).len());
            Ok(messages)
        })
    }

    fn queue_of(&self, message: &Captured) -> &str {
        let own = self.queues.iter().find(|(name, _)| *name == message.queue);
        &own.expect("one of ESI Leap's two queues").1
    }

    fn message_file(&self, number: usize, messages: &[Captured]) -> Result<String, String> {
        let event_type = &messages[number - 1].event_type;
        let file = self
            .folder
            .join(format!("messages/{number:02}-{event_type}.json"));
        let text = file.to_str().map(str::to_owned);
        text.ok_or_else(|| format!("{} is no UTF-8", file.display()))
    }

    /// Leaves nothing behind on a broker of somebody else.
    fn remove_queues(&self) {
        if self.foreign
            && let Ok(runtime) = runtime()
        {
            runtime.block_on(async {
                let publisher = Publisher::connect(self.broker.url()).await;
                for (_, queue) in &self.queues {
                    publisher.delete(queue).await;
                }
            });
        }
    }

    /// The command as a user would type it.
    fn shown(&self, arguments: &[&str]) -> String {
        let program = self.program.as_os_str();
        let config = self.folder.join("listener.conf");
        let words = std::iter::once(program)
            .chain(arguments.iter().map(OsStr::new))
            .chain([OsStr::new("--config"), config.as_os_str()]);
        let quoted = words.map(|word| {
            let word = word.to_string_lossy();
            shlex::try_quote(&word).map_or_else(|_| word.to_string(), Cow::into_owned)
        });
        quoted.collect::<Vec<_>>().join(" ")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.folder.join("listener.conf"));
        command
    }

    /// Shows and runs a command, which has to end with this exit status.
    fn run(&self, arguments: &[&str], status: i32) -> Result<(), String> {
        let mut command = self.command(arguments);
        let mut shown = self.shown(arguments);
        if arguments[0] == "listen" {
            // Where the example scripts keep the inventory; they run in another folder.
            let inventory =
                std::path::absolute(self.inventory()).map_err(|error| error.to_string())?;
            shown = format!("ESI_INVENTORY={} \\\n  {shown}", inventory.display());
            command.env("ESI_INVENTORY", inventory);
        }
        println!("$ {shown}");
        let ended = command
            .status()
            .map_err(|error| format!("{shown}: {error}"))?;
        println!();
        expect(
            &format!("{shown}: the exit status"),
            &ended.code(),
            &Some(status),
        )
    }

    fn inventory(&self) -> PathBuf {
        self.folder.join("inventory")
    }
}

fn heading(text: &str) {
    println!("=== {text} ===\n");
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("  {line}"));
    let lines: Vec<_> = lines.collect();
    lines.join("\n").replace("  \n", "\n")
}

fn described(message: &Captured) -> String {
    let data = message.data();
    let text = |field: &str| data.get(field).unwrap_or(&Value::Null).to_string();
    format!(
        "{:<29} node {}, purpose {}",
        message.event_type,
        text("node_name"),
        text("purpose")
    )
}

/// A message that breaks off before it names its node, so that no run has to wait for it.
fn broken(message: &Captured) -> &str {
    &message.body[..message.body.len() / 4]
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| format!("failed to set up sockets: {error}"))
}
