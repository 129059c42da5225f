//! Each kind of action as these tests see it: what it begins, and how it is let go.

use std::cell::RefCell;
use std::fs;

use serde_json::Value;

use crate::support::amqp::{Declaration, unique};
use crate::support::awx;
use crate::support::http_server::{HttpServer, Step, answer};
use crate::support::scene::Scene;

pub(super) trait Subject {
    /// What a rule says whose attempts are known by this word.
    fn options(&self, word: &str) -> String;

    /// The attempts that were begun: the word, the lease's purpose, and the number of the attempt.
    fn begun(&self, scene: &Scene) -> Vec<String>;

    /// Lets attempts end well, now and later.
    fn release(&self, scene: &Scene);
}

pub(super) struct Script;

impl Script {
    pub(super) fn new(scene: &Scene) -> Self {
        scene.script(
            "held.sh",
            r#"echo "$1 $2 $ESI_ATTEMPT" >>"$LOG"; while [ ! -e gate ]; do sleep 0.02; done"#,
        );
        Self
    }
}

impl Subject for Script {
    fn options(&self, word: &str) -> String {
        format!("script = held.sh {word}\nscript_params = purpose")
    }

    fn begun(&self, scene: &Scene) -> Vec<String> {
        scene.log()
    }

    fn release(&self, scene: &Scene) {
        fs::write(scene.path("gate"), "").expect("a gate");
    }
}

pub(super) struct Http(HttpServer);

impl Http {
    pub(super) fn new() -> Self {
        Self(held_server(""))
    }
}

/// A server that says this once it is released.
fn held_server(body: &str) -> HttpServer {
    let fine = answer("200 OK", &[], body).into_iter();
    HttpServer::start([std::iter::once(Step::Hold).chain(fine).collect()])
}

impl Subject for Http {
    fn options(&self, word: &str) -> String {
        let url = self.0.url();
        format!("action = http\nurl = {url}/{word}/{{{{ purpose }}}}/{{{{ run.attempt }}}}")
    }

    fn begun(&self, _: &Scene) -> Vec<String> {
        let received = self.0.received();
        let path = |line: &str| {
            line.split(' ')
                .nth(1)
                .map(|path| path[1..].replace('/', " "))
        };
        received.iter().filter_map(|one| path(&one.line)).collect()
    }

    fn release(&self, _: &Scene) {
        self.0.release();
    }
}

/// Each attempt sends a message that names it.
pub(super) struct Chat {
    action: &'static str,
    server: HttpServer,
}

impl Chat {
    pub(super) fn new(scene: &Scene, action: &'static str, success: &str) -> Self {
        let server = held_server(success);
        fs::write(scene.path("hook"), server.url()).expect("an address");
        Self { action, server }
    }
}

impl Subject for Chat {
    fn options(&self, word: &str) -> String {
        let action = self.action;
        format!(
            "action = {action}\nurl_file = hook\nmessage = {word} {{{{ purpose }}}} {{{{ run.attempt }}}}"
        )
    }

    fn begun(&self, _: &Scene) -> Vec<String> {
        let received = self.server.received();
        let text = |body: &[u8]| {
            let body: Value = serde_json::from_slice(body).ok()?;
            let card = body.pointer("/attachments/0/content/body/0/text");
            card.or(body.get("text"))?.as_str().map(str::to_owned)
        };
        received.iter().filter_map(|one| text(&one.body)).collect()
    }

    fn release(&self, _: &Scene) {
        self.server.release();
    }
}

/// Each attempt publishes a message that names it.
pub(super) struct Publish {
    exchange: String,
    queue: String,
    taken: RefCell<Vec<String>>,
}

impl Publish {
    pub(super) fn new(scene: &Scene) -> Self {
        let (exchange, queue) = (scene.exchange.clone(), unique("published"));
        scene.as_publisher(async |bus| {
            bus.declare(&exchange, &queue, Declaration::Transient).await;
        });
        let taken = RefCell::default();
        Self {
            exchange,
            queue,
            taken,
        }
    }
}

impl Subject for Publish {
    fn options(&self, word: &str) -> String {
        let Self {
            exchange, queue, ..
        } = self;
        format!(
            "action = publish\nexchange = {exchange}\nrouting_key = {queue}\n\
             body = {{\"is\": \"{word} {{{{ purpose }}}} {{{{ run.attempt }}}}\"}}"
        )
    }

    fn begun(&self, scene: &Scene) -> Vec<String> {
        let mut taken = self.taken.borrow_mut();
        while let Some((_, body)) = scene.as_publisher(async |bus| bus.take(&self.queue).await) {
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            taken.extend(body["is"].as_str().map(str::to_owned));
        }
        taken.clone()
    }

    fn release(&self, _: &Scene) {}
}

/// Each job has a variable that names its attempt.
pub(super) struct Awx(awx::Awx);

impl Awx {
    pub(super) fn new() -> Self {
        let awx = awx::Awx::new();
        awx.hold_jobs();
        Self(awx)
    }
}

impl Subject for Awx {
    fn options(&self, word: &str) -> String {
        let url = self.0.url();
        format!(
            "action = awx\nurl = {url}\ntemplate = 7\npoll_every = 20ms\nrequest_timeout = 500ms\n\
             extra_vars = {{\"is\": \"{word} {{{{ purpose }}}} {{{{ run.attempt }}}}\"}}"
        )
    }

    fn begun(&self, _: &Scene) -> Vec<String> {
        let jobs = self.0.jobs();
        let is = |job: &awx::Job| job.variables["is"].as_str().map(str::to_owned);
        jobs.iter().filter_map(is).collect()
    }

    fn release(&self, _: &Scene) {
        self.0.release_jobs(&[]);
    }
}

/// Each attempt sets a value that is named after it.
pub(super) struct Store;

impl Subject for Store {
    fn options(&self, word: &str) -> String {
        format!("action = store\nvalue = 1\nname = {word} {{{{ purpose }}}} {{{{ run.attempt }}}}")
    }

    fn begun(&self, scene: &Scene) -> Vec<String> {
        let output = scene.run(&["store", "list", "--format", "json"]);
        let values: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        let name = |value: &Value| value["name"].as_str().map(str::to_owned);
        values.iter().filter_map(name).collect()
    }

    fn release(&self, _: &Scene) {}
}

/// Each attempt that ends well makes an event, which no rule is for.
pub(super) struct Event;

impl Subject for Event {
    fn options(&self, word: &str) -> String {
        format!(
            "action = event\ntype = made\npayload = {{\"is\": \"{word} {{{{ purpose }}}} {{{{ run.attempt }}}}\"}}"
        )
    }

    fn begun(&self, scene: &Scene) -> Vec<String> {
        let run = scene.run_detail(1);
        let attempts = run["attempt_records"].as_array().expect("attempts");
        let made = |attempt: &Value| {
            let payload: Value = serde_json::from_str(attempt["output"].as_str()?).ok()?;
            payload["is"].as_str().map(str::to_owned)
        };
        attempts.iter().filter_map(made).collect()
    }

    fn release(&self, _: &Scene) {}
}
