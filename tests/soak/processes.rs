//! A great many scripts, which end in every way: no zombie, no file and no memory is left of them.

use std::ops::Range;
use std::time::Instant;

use super::counts::Counts;
use super::finding::Finding;
use super::support::scene::{FULFILL, Scene, Service, notification, wait_until};

/// Over so many nodes, so that the scripts of one do not wait for each other.
const NODES: u64 = 50;

/// So many are published at a time.
const BATCH: u64 = 1_000;

/// What the service may grow by, in KiB: caches of its own, of the broker's client and of the database.
const GROWTH: u64 = 32 * 1024;

/// How they end, in turn; and there is a rule whose script is absent.
const SCRIPTS: [(&str, &str); 6] = [
    ("well", "exit 0"),
    ("speaks", "echo some output; echo more >&2"),
    ("fails", "exit 3"),
    ("killed", "kill -s KILL $$"),
    ("leaves", "(sleep 0.05 &)"),
    ("deaf", "exec <&- >&- 2>&-"),
];

/// Runs so many scripts.
pub(crate) fn attempt(count: u64) -> Vec<Finding> {
    vec![Finding::of("scripts that end in every way", count, || {
        runs(count)
    })]
}

fn runs(count: u64) -> String {
    let mut scene = Scene::new("soak-processes");
    scene.default("max_parallel = 16");
    for (name, script) in SCRIPTS {
        scene.script(&format!("{name}.sh"), script);
    }
    for name in names() {
        scene.rule(
            name,
            &format!(
                "events = {FULFILL}\nscript = ./{name}.sh\n\
                 filter_params = {{\"purpose\": \"{name}$\"}}"
            ),
        );
    }
    let service = scene.listen();
    let before_any = Rest::of(&service);
    let counts = Counts::of(&scene);
    run(&scene, &counts, 0..BATCH.min(count));
    let before = Rest::of(&service);
    let began = Instant::now();
    let mut done = BATCH.min(count);
    while done < count {
        let next = (done + BATCH).min(count);
        run(&scene, &counts, done..next);
        done = next;
    }
    let took = began.elapsed().as_secs();
    wait_until("no zombies", || service.zombies() == 0);
    wait_until("as many files as before", || {
        service.open_files().len() <= before_any.files
    });
    let after = Rest::of(&service);
    for (name, number) in counts.now().runs {
        let expected = (0..count).filter(|run| ends_well(*run) == (name == "succeeded"));
        assert_eq!(
            number,
            u64::try_from(expected.count()).expect("a number"),
            "{name}"
        );
    }
    assert!(
        after.size < before.size + GROWTH,
        "grew from {} to {} KiB",
        before.size,
        after.size
    );
    service.stop();
    let rate = count.saturating_sub(BATCH) / took.max(1);
    format!(
        "files {} before, {} after; zombies 0; {} KiB after the first {BATCH}, {} KiB after all; \
         {rate} runs a second",
        before_any.files, after.files, before.size, after.size
    )
}

/// What the service has while nothing runs.
struct Rest {
    files: usize,
    /// In KiB.
    size: u64,
}

impl Rest {
    fn of(service: &Service) -> Self {
        Self {
            files: service.open_files().len(),
            size: service.size_now(),
        }
    }
}

fn names() -> impl Iterator<Item = &'static str> + Clone {
    SCRIPTS.iter().map(|(name, _)| *name).chain(["absent"])
}

fn name_of(run: u64) -> &'static str {
    let place = usize::try_from(run).expect("a number") % names().count();
    names().nth(place).expect("a name")
}

fn ends_well(run: u64) -> bool {
    !matches!(name_of(run), "fails" | "killed" | "absent")
}

/// Publishes the events with these numbers, and waits until all runs so far have ended.
fn run(scene: &Scene, counts: &Counts, numbers: Range<u64>) {
    let template = notification(FULFILL);
    let last = numbers.end;
    scene.publish_all(numbers.map(|number| {
        let message = template.with("purpose", name_of(number));
        let message = message.with("node_uuid", format!("node-{}", number % NODES));
        message.fresh().body
    }));
    wait_until("all runs to end", || {
        counts.in_state("succeeded") + counts.in_state("discarded") == last
    });
}
