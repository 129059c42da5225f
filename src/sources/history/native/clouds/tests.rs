use std::io;
use std::path::Path;

use super::super::cloud::Login;
use crate::sources::history::{Cloud, CloudProblem};
use secrecy::ExposeSecret;

const VARIABLES: [(&str, &str); 5] = [
    ("OS_AUTH_URL", "http://env"),
    ("OS_USERNAME", "eve"),
    ("OS_PASSWORD", "env-pass"),
    ("OS_USER_DOMAIN_ID", "d"),
    ("OS_PROJECT_ID", "p"),
];

/// A cloud of one line, whose Keystone tells where it came from.
fn cloud(host: &str) -> String {
    format!("auth: {{auth_url: 'http://{host}', user_id: u, password: from-{host}, project_id: p}}")
}

fn file(name: &str, host: &str) -> String {
    format!("clouds: {{{name}: {{{}}}}}", cloud(host))
}

fn find(
    name: Option<&str>,
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Result<Cloud, CloudProblem> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Cloud::find(name, &variables, &|path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        match found {
            Some((_, "secret")) => Err(io::ErrorKind::PermissionDenied.into()),
            Some((_, "folder")) => Err(io::ErrorKind::IsADirectory.into()),
            Some((_, text)) => Ok((*text).to_owned()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    })
}

/// The host of Keystone and the password, or what is said instead.
fn outcome(found: Result<Cloud, CloudProblem>) -> String {
    match found {
        Err(problem) => problem.to_string(),
        Ok(cloud) => {
            let Login::Password { password, .. } = &cloud.login else {
                panic!("a password")
            };
            let host = cloud.keystone.host_str().unwrap_or_default().to_owned();
            format!("{host} {}", password.expose_secret())
        }
    }
}

#[test]
fn files_are_looked_for_as_openstacksdk_does() {
    let home = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
    let places = [
        "clouds.yaml",
        "clouds.yml",
        "clouds.json",
        "/x/openstack/clouds.yaml",
        "/h/.config/openstack/clouds.yaml",
        "/etc/xdg/openstack/clouds.yaml",
        "/etc/openstack/clouds.yaml",
        "/etc/openstack/clouds.json",
    ];
    // JSON is YAML, but not the other way round.
    let texts: Vec<_> = (0..places.len())
        .map(|place| {
            let host = format!("place{place}");
            let auth = serde_json::json!({
                "auth_url": format!("http://{host}"), "user_id": "u",
                "password": format!("from-{host}"), "project_id": "p",
            });
            serde_json::json!({ "clouds": { "c": { "auth": auth } } }).to_string()
        })
        .collect();
    for first in 0..places.len() {
        let files = places.iter().copied().zip(texts.iter().map(String::as_str));
        let found = find(Some("c"), &home, &files.skip(first).collect::<Vec<_>>());
        assert_eq!(outcome(found), format!("place{first} from-place{first}"));
    }
    // One that may not be read is somebody else's.
    let files = [("clouds.yaml", "secret"), (places[6], texts[6].as_str())];
    assert_eq!(
        outcome(find(Some("c"), &home, &files)),
        "place6 from-place6"
    );
    // One that is named comes first, and has to be there.
    let named = [("OS_CLIENT_CONFIG_FILE", "/named")];
    let files = [
        ("clouds.yaml", texts[0].as_str()),
        ("/named", texts[1].as_str()),
    ];
    assert_eq!(
        outcome(find(Some("c"), &named, &files)),
        "place1 from-place1"
    );
    assert_eq!(
        outcome(find(Some("c"), &named, &files[..1])),
        "failed to read /named (`OS_CLIENT_CONFIG_FILE`): entity not found; correct \
         `OS_CLIENT_CONFIG_FILE`, or unset it"
    );
}

#[test]
fn the_cloud_is_named_or_described_or_the_only_one() {
    let two = format!("clouds: {{a: {{{}}}, b-c: {{{}}}}}", cloud("a"), cloud("b"));
    let two = [("clouds.yaml", two.as_str())];
    let one = file("only", "one");
    let one = [("clouds.yaml", one.as_str())];
    let named = |name| vec![("OS_CLOUD", name)];
    let described = |more: &[(&'static str, &'static str)]| [&VARIABLES[..], more].concat();
    let cases: [(_, _, &[_], _); 10] = [
        (Some("a"), vec![], &two, "a from-a"),
        (Some("a"), named("b-c"), &two, "a from-a"),
        (None, named("b-c"), &two, "b from-b"),
        // What is an option of the program wins over the file, whichever cloud it is.
        (None, described(&named("a")), &two, "env env-pass"),
        (None, described(&[]), &two, "env env-pass"),
        (
            None,
            described(&[]),
            &[("clouds.yaml", "]")],
            "env env-pass",
        ),
        (Some("envvars"), described(&[]), &two, "env env-pass"),
        (
            Some("me"),
            described(&[("OS_CLOUD_NAME", "me")]),
            &two,
            "env env-pass",
        ),
        (None, vec![], &one, "one from-one"),
        (None, vec![("OS_CLOUD", "")], &one, "one from-one"),
    ];
    for (name, variables, files, expected) in cases {
        let found = outcome(find(name, &variables, files));
        assert_eq!(found, expected, "{name:?} {variables:?}");
    }
}

#[test]
fn what_is_missing_is_reported_with_the_place() {
    let two = format!("clouds: {{a: {{{}}}, b: {{{}}}}}", cloud("a"), cloud("b"));
    let home = [("HOME", "/h")];
    let cases: [(_, &[_], &[&str]); 10] = [
        (
            None,
            &[],
            &[
                "found no settings: no `OS_*` variable describes a cloud, and there is no readable clouds.yaml, ",
            ],
        ),
        (
            Some("a"),
            &[],
            &[
                "found no settings for cloud `a`",
                "clouds.yaml, /h/.config/openstack/clouds.yaml, ",
                "; download clouds.yaml",
            ],
        ),
        (
            None,
            &[("clouds.yaml", two.as_str())],
            &["expected the name of a cloud, and clouds.yaml has `a`, `b`; choose one with"],
        ),
        (
            Some("x"),
            &[("clouds.yaml", two.as_str())],
            &["no cloud `x` in clouds.yaml: it has `a`, `b`; correct"],
        ),
        (
            Some("a"),
            &[("clouds.yaml", "clouds: {a: hunter2}")],
            &["expected a mapping for cloud `a` in clouds.yaml, but found text"],
        ),
        (
            Some("a"),
            &[("clouds.yaml", "cloud: {}")],
            &["expected a mapping `clouds` in clouds.yaml, but found none"],
        ),
        (
            Some("a"),
            &[("clouds.yaml", "a: 'hunter2")],
            &["failed to read clouds.yaml: expected YAML, but line 1, column"],
        ),
        (
            Some("a"),
            &[("clouds.yaml", two.as_str()), ("secure.yaml", "- hunter2")],
            &["failed to read secure.yaml: expected a mapping, but found a list"],
        ),
        (
            Some("a"),
            &[("clouds.yaml", "folder")],
            &["failed to read clouds.yaml: is a directory; correct or remove the file"],
        ),
        (
            Some("a"),
            &[
                ("clouds.yaml", "clouds: {a: {profile: rack}}"),
                ("clouds-public.yaml", "{}"),
            ],
            &[
                "cloud `a` in clouds.yaml names the profile `rack`, which no clouds-public.yaml has",
                "use `client = openstack`",
            ],
        ),
    ];
    for (name, files, parts) in cases {
        let said = outcome(find(name, &home, files));
        for part in parts {
            assert!(said.contains(part), "no `{part}` in {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn secure_lies_over_and_a_profile_under() {
    let clouds = "clouds: {c: {profile: rack, auth: {auth-url: 'http://own', user-id: u}}}";
    let public = "public-clouds: {rack: {auth: {auth_url: 'http://rack', project_id: p, password: \
                  theirs}, interface: internal, region-name: r1}}";
    let secure = "clouds: {c: {auth: {password: secure}}, other: {auth: {password: x}}}";
    let files = [
        ("clouds.yaml", clouds),
        ("clouds-public.yaml", public),
        ("/s/secure.yaml", secure),
    ];
    let variables = [("OS_CLIENT_SECURE_FILE", "/s/secure.yaml")];
    let found = find(Some("c"), &variables, &files).unwrap();
    assert_eq!(found.interface, "internal");
    assert_eq!(found.region.as_deref(), Some("r1"));
    assert_eq!(found.name(), "c");
    assert_eq!(outcome(Ok(found)), "own secure");
    assert_eq!(outcome(find(Some("c"), &[], &files)), "own theirs");
    let broken = find(Some("other"), &variables, &files).unwrap_err();
    assert_eq!(
        broken.message,
        "expected `auth_url` of cloud `other` in clouds.yaml, /s/secure.yaml, but found none"
    );
}

#[test]
fn a_region_is_the_first_or_the_one_asked_for() {
    let regions = "regions: [{name: r1, values: {interface: admin}}, r2]";
    let many = format!("clouds: {{c: {{{}, {regions}}}}}", cloud("many"));
    let plain = format!("clouds: {{c: {{{}, region_name: r3}}}}", cloud("plain"));
    let odd = format!("clouds: {{c: {{{}, regions: [[r1]]}}}}", cloud("odd"));
    let cases = [
        (&many, None, Ok((Some("r1"), "admin"))),
        (&many, Some("r2"), Ok((Some("r2"), "public"))),
        (
            &many,
            Some("r9"),
            Err(
                "cloud `c` in clouds.yaml has no region `r9` (`OS_REGION_NAME`): it has `r1`, `r2`",
            ),
        ),
        (&plain, None, Ok((Some("r3"), "public"))),
        (
            &plain,
            Some("r9"),
            Err("cloud `c` in clouds.yaml has no region `r9` (`OS_REGION_NAME`): it has `r3`"),
        ),
        (
            &odd,
            None,
            Err("expected names, or mappings with `name` and `values`, as `regions`"),
        ),
    ];
    for (text, asked, expected) in cases {
        let variables: Vec<_> = asked
            .map(|region| ("OS_REGION_NAME", region))
            .into_iter()
            .collect();
        let found = find(Some("c"), &variables, &[("clouds.yaml", text)]);
        match (found, expected) {
            (Ok(found), Ok((region, interface))) => {
                assert_eq!(
                    (found.region.as_deref(), found.interface.as_str()),
                    (region, interface)
                );
            }
            (Err(problem), Err(message)) => {
                assert!(problem.message.starts_with(message), "{problem}");
            }
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }
}
