//! The stand-in is as good as the real program, and does what a test tells it.

use std::process::Command;
use std::time::Duration;

use super::*;
use crate::support::openstack::LEASES_SHOWN;

#[test]
fn it_prints_what_the_real_program_printed() {
    let (_folder, openstack, _) = stage();
    openstack.rows(printed("02-event-list-alice").as_array().expect("rows"));
    for name in LEASES_SHOWN {
        let lease = printed(name);
        openstack.lease(lease["uuid"].as_str().expect("text"), lease.clone());
    }
    let others = [
        "02-event-list-alice",
        "06-event-list-last-0",
        "07-event-list-last-mid",
        "08-event-list-last-top-empty",
        "09-event-list-last-beyond-empty",
        "10-event-list-last-negative",
        "11-event-list-last-not-a-number",
        "12-event-list-last-empty-string",
        "26-lease-show-unknown-uuid",
        "27-lease-show-not-a-uuid",
    ];
    let denied = "28-lease-show-foreign-forbidden";
    for name in others.into_iter().chain(LEASES_SHOWN).chain([denied]) {
        let real = captured(name);
        if name == denied {
            // Another one may see it.
            openstack.deny(real["args"][3].as_str().expect("text"));
        }
        let arguments = real["args"].as_array().expect("a list");
        let output = Command::new(openstack.program())
            .args(arguments.iter().map(|word| word.as_str().expect("text")))
            .output()
            .expect("the stand-in");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = json!({
            "exit": output.status.code(),
            "stdout": text(&output.stdout),
            "stderr": text(&output.stderr),
        });
        for (what, text) in printed.as_object().expect("an object") {
            assert_eq!(text, &real[what], "{what} of {name}");
        }
    }
}

#[tokio::test]
async fn a_call_at_a_gate_goes_on_when_it_is_let() {
    let (_folder, openstack, client) = stage();
    openstack.fault(At::Leases, Fault::Gate);
    openstack.deny(OTHER);
    let letting = async {
        // Both are under way at once.
        let held = tokio::task::spawn_blocking(move || {
            let held = openstack.wait_for_held(2);
            assert!(
                held.iter()
                    .all(|call| call.argv[..3] == ["esi", "lease", "show"])
            );
            openstack.lease(LEASE, lease_of(LEASE, NODE));
            openstack.mend(At::Leases);
            openstack
        });
        held.await.expect("two calls")
    };
    let (shown, denied, openstack) =
        tokio::join!(client.lease(LEASE), client.lease(OTHER), letting);
    assert!(shown.is_ok(), "{shown:?}");
    assert!(
        matches!(denied, Err(ClientError::NotShown(_))),
        "{denied:?}"
    );
    let calls = openstack.calls();
    let ends: Vec<u64> = calls.iter().filter_map(|call| call.ended).collect();
    assert_eq!(ends.len(), 2);
    assert!(
        calls
            .iter()
            .all(|call| ends.iter().all(|end| call.began < *end))
    );
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    let (_folder, openstack, client) = stage();
    let delay = Duration::from_millis(200);
    openstack.fault(At::Events, Fault::Delay(delay));
    assert_eq!(client.events(0).await, Ok(vec![]));
    let calls = openstack.calls();
    let [call] = &calls[..] else {
        panic!("{calls:?}")
    };
    let took = Duration::from_nanos(call.ended.expect("an end") - call.began);
    assert!(took >= delay, "{took:?}");
}
