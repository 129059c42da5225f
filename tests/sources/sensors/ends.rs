//! How sensors end: those that cannot be run, those that raise, and those that are told to.

use std::fs;

use super::{listed, sensor, wait_for_file};
use crate::support::pack::{options, passive};
use crate::support::scene::Service;
use crate::support::shim::{Refusal, Shim};
use crate::support::stage::{lives, wait_until};

#[test]
fn each_way_to_fail_says_why_and_concerns_no_other_source() {
    let cases = [
        ("", "class = Dem", "did you mean `Demo`?", true),
        ("", "", "there is no class Demo in ", false),
        ("class Demos:\n    pass\n", "", "did you mean Demos?", false),
        (
            "def x(:\n",
            "",
            "it cannot be loaded: SyntaxError: invalid syntax",
            false,
        ),
        (
            "import no_such_module\n",
            "",
            "ModuleNotFoundError: No module named 'no_such_module'",
            false,
        ),
        (
            "from eventlet import GreenPool\n",
            "",
            "install eventlet for the `python` of this source",
            false,
        ),
        (
            "from st2reactor.sensor.base import PollingSensor\n\nclass Demo(PollingSensor):\n    def setup(self):\n        pass\n",
            "",
            "lacks add_trigger, cleanup, poll, remove_trigger, update_trigger",
            false,
        ),
        (
            &passive(
                "Demo",
                "def __init__(self, *_, **__):\n    raise KeyError('url')\ndef run(self):\n    pass",
            ),
            "",
            "the constructor of Demo raised KeyError: 'url'",
            false,
        ),
        (
            &passive(
                "Demo",
                "def setup(self):\n    raise OSError('down')\ndef run(self):\n    pass",
            ),
            "",
            "setup raised OSError: down",
            false,
        ),
        (
            &passive("Demo", "def run(self):\n    raise OSError('gone')"),
            "",
            "run raised OSError: gone",
            false,
        ),
        (
            "",
            "python = /no/such/python3",
            "/no/such/python3 does not exist",
            true,
        ),
    ];
    for (python, option, told, is_checked) in cases {
        let mut stage = sensor(python, "", "");
        stage.no_rules();
        let mut section = options("Demo");
        if option.starts_with("class") {
            section = section.replace("class = Demo", option);
        } else {
            section = format!("{section}\n{option}");
        }
        stage.rule("source:feed", &section);
        stage.rule("source:tick", "type = timer\nevery = 1h");
        stage.rule("r", "events = demo.*, tick\nscript = record.sh");
        let output = stage.run(&["check"]);
        let checked = format!("{output:?}");
        assert_eq!(checked.contains(told), is_checked, "{told}: {checked}");
        let service = Service::listen(&stage);
        stage.wait_for_log(1);
        wait_until(told, || {
            listed(&stage)["failure"].to_string().contains(told)
        });
        service.wait_for("trying again in 1s");
        service.stop();
    }
}

#[test]
fn check_tells_of_triggers_that_no_rule_is_for_and_of_code_that_others_may_change() {
    let metadata = "trigger_types: [{name: opened}, {name: closed}]";
    let mut stage = sensor(&passive("Demo", "def run(self):\n    pass"), metadata, "");
    let found = format!("{:?}", stage.run(&["check"]));
    assert!(!found.contains("no rule is for"), "{found}");
    let file = stage.path("packs/demo/sensors/demo.py");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(&file, mode).expect("permissions");
    let output = format!("{:?}", stage.run(&["check"]));
    assert!(output.contains("demo.py"), "{output}");
    stage.no_rules();
    stage.rule("source:feed", &options("Demo"));
    stage.rule("r", "events = demo.other\nscript = record.sh");
    let output = format!("{:?}", stage.run(&["check"]));
    assert!(
        output.contains("which are of type `demo.opened` or `demo.closed`"),
        "{output}"
    );
}

#[test]
fn a_stop_has_a_sensor_clean_up_and_one_that_does_not_end_is_killed() {
    let methods = r#"
def run(self):
    self.sensor_service.dispatch("demo.up", {"i": os.getpid()})
    while True:
        try:
            eventlet.sleep(1000)
        except Exception:
            pass

def cleanup(self):
    with open("cleaned", "a") as file:
        file.write("up\n")
    SLEEP
"#;
    let stage = sensor(&passive("Demo", &methods.replace("SLEEP", "")), "", "");
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    let log = service.stop();
    assert_eq!(wait_for_file(&stage, "cleaned"), "up\n");
    assert!(!log.contains("Traceback"), "{log}");

    let python = passive("Demo", &methods.replace("SLEEP", "eventlet.sleep(1000)"));
    let stage = sensor(&python, "", "kill_grace = 500ms");
    let service = Service::listen(&stage);
    let pid = stage.wait_for_log(1)[0].replace("demo.up ", "");
    service.stop();
    assert_eq!(wait_for_file(&stage, "cleaned"), "up\n");
    assert!(!lives(pid.trim()));

    // Nobody is there to kill it.
    let stage = sensor(&python, "", "kill_grace = 500ms");
    let service = Service::listen(&stage);
    let pid = stage.wait_for_log(1)[0].replace("demo.up ", "");
    service.kill();
    wait_until("the sensor to end by itself", || !lives(pid.trim()));
}

/// Whatever it does after a dispatch that is not on disk, like acknowledging a message to its sender, it must not do.
#[test]
fn a_stop_does_not_have_a_dispatch_end_that_is_not_on_disk() {
    for dispatch in [
        "self.work()",
        "import threading; threading.Thread(target=self.work).start()",
    ] {
        let run = r#"
def run(self):
    self.sensor_service.dispatch("demo.first", {"i": 1})
    while not os.path.exists("full"):
        eventlet.sleep(0.02)
    DISPATCH

def work(self):
    try:
        print("dispatching")
        self.sensor_service.dispatch("demo.second", {"i": 2})
    finally:
        with open("acknowledged", "w") as file:
            file.write("too early\n")

def cleanup(self):
    with open("cleaned", "w") as file:
        file.write("up\n")
    try:
        self.sensor_service.dispatch("demo.late")
    finally:
        print("cleanup goes on")
"#;
        let stage = sensor(&passive("Demo", &run.replace("DISPATCH", dispatch)), "", "");
        let shim = Shim::new(&stage);
        let service = Service::start(shim.below(&mut stage.program("listen")));
        stage.wait_for_log(1);
        // Nothing is under way but what is to come.
        wait_until("the first to have run", || stage.states() == ["succeeded"]);
        shim.refuse(Refusal::Full);
        fs::write(stage.path("full"), "").expect("a file");
        service.wait_for("dispatching");
        service.wait_for("failed to accept deliveries in the journal");
        let log = service.stop();
        assert_eq!(wait_for_file(&stage, "cleaned"), "up\n");
        assert!(!stage.path("acknowledged").exists(), "{log}");
        for part in ["cleanup goes on", "cleanup was left"] {
            assert!(log.contains(part), "no `{part}` in {log}");
        }
        assert!(!log.contains("Traceback"), "{log}");
    }
}

#[test]
fn a_sensor_may_leave_its_work_to_threads_and_end() {
    let python = passive(
        "Demo",
        r#"
def run(self):
    import threading

    for i in range(4):
        threading.Thread(target=self.work, args=(i,)).start()

def work(self, i):
    for n in range(10):
        self.sensor_service.set_value("of%d" % i, n)
        self.sensor_service.dispatch("demo.worked", {"i": i, "when": n})
        assert self.sensor_service.get_value("of%d" % i) == str(n)

def cleanup(self):
    with open("cleaned", "a") as file:
        file.write("up\n")
"#,
    );
    let stage = sensor(&python, "", "restart = no");
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(output.status.success(), "{output:?}");
    let mut log = stage.log();
    log.sort();
    let all = (0..4).flat_map(|i| (0..10).map(move |n| format!("demo.worked {i} {n}")));
    assert_eq!(log, all.collect::<Vec<_>>());
    assert_eq!(wait_for_file(&stage, "cleaned"), "up\n");
}
