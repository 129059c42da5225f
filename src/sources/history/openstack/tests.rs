//! The call as it is shown, and the bounds of what is taken; real programs are run in `tests/`.

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn client(command: &[&str], cloud: Option<&str>) -> OpenstackClient {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    OpenstackClient::new(
        Path::new("/etc/esi"),
        command,
        cloud.map(str::to_owned),
        LONG,
    )
}

#[test]
fn a_call_is_shown_as_one_could_type_it() {
    let cases: [(&[&str], Option<&str>, &str); 7] = [
        (&[], None, "openstack esi"),
        (
            &["openstack"],
            Some("tenant a"),
            "openstack --os-cloud 'tenant a' esi",
        ),
        (
            &["podman", "exec", "box", "openstack"],
            None,
            "podman exec box openstack esi",
        ),
        (&["bin/openstack"], None, "/etc/esi/bin/openstack esi"),
        (&["/opt/o s/openstack"], None, "'/opt/o s/openstack' esi"),
        (&["a\nb", "\u{1b}[2J"], None, r"'a\nb' '\x1b[2J' esi"),
        (&["a\0b"], None, r"a\x00b esi"),
    ];
    for (command, cloud, expected) in cases {
        assert_eq!(client(command, cloud).display_call(&["esi"]), expected);
    }
}

#[test]
fn a_call_is_shown_without_passwords() {
    let cases = [
        (
            "--os-password s3cret --os-username u",
            "--os-password '[blanked]' --os-username u",
        ),
        ("--os-password=s3cret=x a", "'--os-password=[blanked]' a"),
        ("--os-pass s3cret", "--os-pass '[blanked]'"),
        ("--os-token s3cret a", "--os-token '[blanked]' a"),
        (
            "--os-application-credential-secret s3cret",
            "--os-application-credential-secret '[blanked]'",
        ),
        (
            "env OS_PASSWORD=s3cret openstack",
            "env 'OS_PASSWORD=[blanked]' openstack",
        ),
        ("/opt/bypass/openstack a", "/opt/bypass/openstack a"),
        ("--os-auth-type v3password", "--os-auth-type v3password"),
    ];
    for (command, expected) in cases {
        let mut words: Vec<&str> = vec!["/x"];
        words.extend(command.split(' '));
        let shown = client(&words, None).display_call(&["esi"]);
        assert_eq!(shown, format!("/x {expected} esi"));
    }
}

#[tokio::test]
async fn a_name_that_is_no_uuid_is_not_even_asked_for() {
    // Asking would fail otherwise: there is no such program.
    let client = client(&["/nonexistent"], None);
    for uuid in ["", "--help", "-", "a\0b"] {
        let refused = client.lease(uuid).await.unwrap_err();
        assert!(
            matches!(&refused, ClientError::NotShown(why)
                if why.ends_with("cannot be the UUID of a lease, so it was not asked for")),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_flood_is_ended_and_no_answer() {
    let mut client = client(&["/bin/sh", "-c", "cat /dev/zero; sleep 1000"], None);
    client.largest_answer = 1_000_000;
    let refused = client.events(0).await.unwrap_err().to_string();
    assert!(
        refused.contains("was ended: it wrote more than 1000000 bytes on standard output"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_the_bound() {
    let bytes = vec![b'x'; 3 * CHUNK];
    for (limit, fits) in [(bytes.len(), true), (bytes.len() - 1, false)] {
        let mut taken = Vec::new();
        let end = collect(bytes.as_slice(), &mut taken, limit).await;
        assert_eq!(end.is_ok(), fits, "{limit}");
        assert!(taken.len() <= limit);
        assert_eq!(taken == bytes, fits);
    }
}

#[tokio::test]
async fn the_end_of_standard_error_is_kept() {
    let bytes: Vec<u8> = (0..=255).cycle().take(3 * STDERR_TAIL + 7).collect();
    for length in [0, 5, STDERR_TAIL, STDERR_TAIL + 1, bytes.len()] {
        let mut tail = Vec::new();
        collect_tail(&bytes[..length], &mut tail).await.unwrap();
        assert_eq!(tail, &bytes[length.saturating_sub(STDERR_TAIL)..length]);
    }
}

#[test]
fn a_secret_that_the_end_of_standard_error_begins_within_is_no_part_of_it() {
    let secrets = Secrets::of(&["--os-token".into(), "s3cret".into()], []);
    let cut = |said: &str| {
        let mut tail = format!("{said:x<STDERR_TAIL$}").into_bytes();
        tail.truncate(STDERR_TAIL);
        blank_tail(&mut tail, &secrets);
        String::from_utf8(tail).unwrap()
    };
    assert!(!cut("3cret").contains('3'));
    assert!(cut("whole: s3cret").starts_with(" ******x"));
    let mut whole = b"3cret, s3cret".to_vec();
    blank_tail(&mut whole, &secrets);
    assert_eq!(whole, b"3cret, ******");
}
