//! What a reload makes of the feeds.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_reload_stops_starts_and_restarts_and_leaves_alone_what_is_the_same() {
    let service = Service::new();
    let stays = |name, options| service.saying(name, Course::Stays, options);
    let feeds = ["same", "gone", "changed"]
        .map(|name| stays(name, "1"))
        .into();
    let changes = [
        vec![stays("same", "1"), stays("changed", "2"), stays("new", "1")],
        // While the former one is still leaving.
        vec![stays("same", "1"), stays("changed", "3"), stays("new", "1")],
    ];
    let diary = service.diary.clone();
    let ended = service
        .run(feeds, async |it| {
            for name in ["same", "gone", "changed"] {
                it.diary.wait_for(&format!("open {name}"), 1).await;
            }
            for change in changes {
                it.change.send(change).unwrap();
            }
            it.diary.wait_for("open changed", 2).await;
            it.diary.wait_for("open new", 1).await;
            it.diary.wait_for("close gone", 1).await;
            sleep(SECOND).await;
            assert!(!it.drained.is_cancelled());
            assert_eq!(it.diary.times("close same"), []);
            it.stop.intake.cancel();
        })
        .await;
    ended.unwrap();
    let of = |name: &str| -> Vec<String> {
        let lines = diary.lines().into_iter();
        lines.filter(|line| line.ends_with(name)).collect()
    };
    let once = |name| [format!("open {name}"), format!("close {name}")];
    for name in ["same", "gone", "new"] {
        assert_eq!(of(name), once(name));
    }
    // The former one has left before the next one comes, and there is one next one.
    assert_eq!(of("changed"), [once("changed"), once("changed")].concat());
}

#[tokio::test(start_paused = true)]
async fn a_reload_starts_a_feed_at_once_that_waits_after_a_failure() {
    let service = Service::new();
    let fails = Course::Fails(Duration::ZERO, SourceErrorKind::Failed);
    let feeds = vec![service.saying("it", fails, "1")];
    let right = vec![service.saying("it", Course::Stays, "2")];
    let diary = service.diary.clone();
    let ended = service
        .run(feeds, async |it| {
            it.diary.wait_for("open it", 8).await;
            it.change.send(right).unwrap();
            it.diary.wait_for("open it", 9).await;
            it.stop.intake.cancel();
        })
        .await;
    ended.unwrap();
    let times = diary.times("open it");
    assert!(
        times[8] - times[7] < SECOND,
        "it would have waited for 128s"
    );
}
