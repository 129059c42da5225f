//! What the supervisor makes of the duty of a feed.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_feed_is_opened_once_it_is_the_services_duty() {
    let service = Service::new();
    // The journal knows no such owner yet, and so refuses the duty.
    let first = Owner(1);
    service.supervisor.owner.set(first).unwrap();
    let feeds = vec![service.feed("one", Course::Stays)];
    let (mut told, diary) = (service.conditions.watch(), service.diary.clone());
    let ended = service
        .run(feeds, async |it| {
            let stands_by = told.wait_for(|all| all.values().any(|feed| !feed.words.is_empty()));
            let words = stands_by
                .await
                .unwrap()
                .values()
                .next()
                .unwrap()
                .words
                .clone();
            assert_eq!(words, "one is another service's duty, standing by");
            sleep(SECOND * 60).await;
            assert_eq!(it.diary.lines(), [""; 0]);
            assert_eq!(join(&it.journal).await, first);
            it.diary.wait_for("open one", 1).await;
            it.stop.intake.cancel();
        })
        .await;
    ended.unwrap();
    assert_eq!(diary.lines(), ["open one", "close one"]);
}
