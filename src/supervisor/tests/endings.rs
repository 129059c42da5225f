//! Feeds that end for good, and feeds that are told to.

use super::*;
use crate::telemetry::captured::capture;

#[tokio::test(start_paused = true)]
async fn a_feed_that_fails_for_good_beside_others_is_logged_at_once() {
    let service = Service::new();
    let fails = |after, kind| Course::Fails(SECOND * after, kind);
    let feeds = vec![
        service.feed("wrong", fails(1, SourceErrorKind::Usage)),
        service.until_drained("ends", fails(2, SourceErrorKind::Failed)),
    ];
    let log = capture();
    let failed = |name: &str| {
        let line = format!("ERROR {name}: it failed; look");
        log.messages().iter().filter(|it| **it == line).count()
    };
    let ended = service
        .run(feeds, async |it| {
            it.diary.wait_for("close wrong", 1).await;
            sleep(SECOND / 2).await;
            assert_eq!(failed("wrong"), 1, "{:?}", log.messages());
        })
        .await;
    // Of two causes the service ends with the first, which its caller reports.
    assert!(matches!(ended, Err(Failure::Source(error)) if error.kind == SourceErrorKind::Usage));
    assert_eq!((failed("wrong"), failed("ends")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_the_only_feed_is_left_to_the_caller_to_report() {
    let service = Service::new();
    let fails = Course::Fails(SECOND, SourceErrorKind::Failed);
    let feeds = vec![service.until_drained("it", fails)];
    let log = capture();
    let ended = service.run(feeds, async |_| {}).await;
    assert!(matches!(ended, Err(Failure::Source(_))));
    assert_eq!(log.messages(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_told_to_stop_ends_well_though_the_journal_cannot_be_read() {
    let service = Service::new();
    let file = service.folder.path().join("journal.sqlite");
    let other = rusqlite::Connection::open(file).unwrap();
    (other.execute_batch("ALTER TABLE sources RENAME TO gone")).unwrap();
    let feeds = vec![service.feed("one", Course::Stays)];
    service.supervisor.stop.intake.cancel();
    let diary = service.diary.clone();
    let ended = service.run(feeds, async |_| {}).await;
    assert_eq!(ended.unwrap(), TALLY);
    assert_eq!(diary.lines(), [""; 0]);
}
