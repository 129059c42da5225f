//! Alertmanager itself sends what it was told of, again and again, and each alert is one event.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::scene::{Service, wait_until};
use crate::support::sender::{free_port, request, send};
use crate::support::stage::Stage;

/// Where Debian puts it.
const ALERTMANAGER: &str = "/usr/bin/prometheus-alertmanager";

/// An Alertmanager that sends each group at once, and again each second.
struct Alertmanager {
    process: Child,
    port: u16,
}

impl Alertmanager {
    fn start(stage: &Stage, to: u16) -> Self {
        let config = format!(
            "route: {{receiver: r, group_by: [alertname], group_wait: 0s, group_interval: 1s, \
             repeat_interval: 1s}}\nreceivers:\n- name: r\n  webhook_configs:\n  - url: \
             http://127.0.0.1:{to}/alerts\n    send_resolved: true\n    http_config: {{authorization: \
             {{credentials: hidden-token}}}}\n"
        );
        fs::write(stage.path("alertmanager.yml"), config).expect("a file");
        let port = free_port();
        let process = Command::new(ALERTMANAGER)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args([
                "--cluster.listen-address=",
                "--config.file=alertmanager.yml",
            ])
            .args(["--storage.path=alertmanager", "--log.level=error"])
            .current_dir(stage.path(""))
            .stdin(Stdio::null())
            .spawn();
        let process = process.expect("Alertmanager, of the package prometheus-alertmanager");
        let this = Self { process, port };
        wait_until("Alertmanager to be there", || this.is_told(&json!([])));
        this
    }

    /// Tells it of alerts, if it is there.
    fn is_told(&self, alerts: &Value) -> bool {
        let request = request("POST /api/v2/alerts", &[], &alerts.to_string());
        send(self.port, &request).is_ok_and(|(status, _)| status == 200)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The ids of the events that have runs.
fn ids(stage: &Stage) -> Vec<String> {
    let id = |run: &Value| run["event_id"].as_str().expect("text").to_owned();
    stage.runs().iter().map(id).collect()
}

#[test]
fn what_alertmanager_repeats_is_one_event_and_what_ends_is_another() {
    assert!(
        Path::new(ALERTMANAGER).exists(),
        "install the package prometheus-alertmanager"
    );
    let port = free_port();
    let mut stage = Stage::new("");
    let source = format!("type = alertmanager\nlisten = 127.0.0.1:{port}\ntoken_file = token");
    stage.rule("source:am", &source);
    let params =
        "script_params = alert.labels.alertname, alert.status, meta.hosts.0, meta.endpoint";
    stage.rule(
        "r",
        &format!("events = am.alert\nscript = record.sh\n{params}"),
    );
    fs::write(stage.path("token"), "hidden-token\n").expect("a file");
    let start = || {
        let service = Service::start(&mut stage.program("listen"));
        service.wait_for("alertmanager:am: taking requests at");
        service
    };
    // What it cannot deliver yet, it keeps.
    let alertmanager = Alertmanager::start(&stage, port);
    let alert =
        |name: &str, instance: &str| json!({"labels": {"alertname": name, "instance": instance}});
    assert!(alertmanager.is_told(&json!([
        alert("Down", "n1:9100"),
        alert("Down", "n2:9100"),
        alert("Slow", "n1")
    ])));
    std::thread::sleep(Duration::from_secs(1));
    let service = start();
    let mut log = stage.wait_for_log(3);
    log.sort();
    assert_eq!(
        log,
        [
            "Down|firing|n1|alerts|",
            "Down|firing|n2|alerts|",
            "Slow|firing|n1|alerts|"
        ]
    );
    service.wait_for("am.alert is known already");
    wait_until("the runs to be on record", || {
        stage.states() == vec!["succeeded"; 3]
    });
    // Killed meanwhile, it is sent what it has already.
    service.kill();
    let service = start();
    service.wait_for("am.alert is known already");
    assert_eq!(ids(&stage).len(), 3);
    let mut over = alert("Slow", "n1");
    over["endsAt"] = (jiff::Timestamp::now() - Duration::from_secs(1))
        .to_string()
        .into();
    assert!(alertmanager.is_told(&json!([over])));
    assert_eq!(stage.wait_for_log(4)[3], "Slow|resolved|n1|alerts|");
    let ids = ids(&stage);
    assert!(ids[3].ends_with(":resolved"), "{ids:?}");
    let log = service.stop();
    assert!(
        !log.contains("hidden") && !log.contains("refused a request"),
        "{log}"
    );
}
