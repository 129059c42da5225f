//! One poller a journal, and no service beside it.

use super::{recorded, rows};
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Service};

#[test]
fn a_second_poller_says_so_and_leaves_it_to_the_first() {
    let poller = Poller::recording(FULFILL);
    poller.openstack.rows(&rows([1, 2]));
    poller.openstack.fault(At::Events, Fault::Gate);
    for arguments in [&["--from-start"][..], &["--every", "1h"]] {
        let mut first = poller.start(arguments);
        poller.openstack.wait_for_held(1);
        let calls = poller.openstack.calls().len();
        for arguments in [&[][..], &["--every", "1h"], &["--from-start"]] {
            let printed = poller.pass(arguments);
            let whose = format!(
                "process {} is polling into {}",
                first.pid(),
                poller.state().display()
            );
            assert!(printed.contains(&whose), "{printed}");
        }
        assert_eq!(poller.pass(&["--quiet"]), "");
        assert_eq!(poller.openstack.calls().len(), calls);
        assert!(first.is_alive());
        poller.openstack.mend(At::Events);
        if arguments == ["--from-start"] {
            let (status, printed) = first.wait();
            assert!(status.success(), "{printed}");
        } else {
            first.stop();
        }
        assert_eq!(poller.log(), recorded(&[1, 2]));
        poller.openstack.fault(At::Events, Fault::Gate);
    }
}

#[test]
fn a_poller_and_a_service_keep_out_of_each_others_journal() {
    let mut poller = Poller::recording(FULFILL);
    // No broker is there; the service waits for it and has the journal.
    poller.default("user = esi\npassword = secret\nhost = 127.0.0.1\nport = 1\nqueues = q");
    let service = Service::start(&mut poller.program("listen"));
    service.wait_for("trying again");
    let printed = poller.ends(&["--from-start"], 75);
    assert!(
        printed.contains(&format!("process {}", service.pid())),
        "{printed}"
    );
    assert!(
        printed.contains("hint: one service serves a journal"),
        "{printed}"
    );
    assert!(poller.openstack.calls().is_empty());
    service.stop();

    poller.openstack.fault(At::Events, Fault::Gate);
    let staying = poller.start(&["--every", "1h", "--from-start"]);
    poller.openstack.wait_for_held(1);
    let (status, printed) = Service::start(&mut poller.program("listen")).wait();
    assert_eq!(status.code(), Some(75), "{printed}");
    assert!(
        printed.contains(&format!("process {}", staying.pid())),
        "{printed}"
    );
    staying.stop();
}
