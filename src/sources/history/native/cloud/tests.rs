use std::io;
use std::path::Path;

use secrecy::ExposeSecret;

use super::*;

/// A cloud from the variables alone.
fn of(variables: &[(&str, &str)]) -> Result<Cloud, CloudProblem> {
    let variables = variables
        .iter()
        .map(|(name, value)| (format!("OS_{name}"), (*value).to_owned()))
        .chain([("HOME".to_owned(), "/h".to_owned())])
        .collect();
    Cloud::find(None, &variables, &|_| Err(io::ErrorKind::NotFound.into()))
}

const KEYSTONE: (&str, &str) = ("AUTH_URL", "https://keystone:5000");
const USER: [(&str, &str); 3] = [KEYSTONE, ("USER_ID", "u"), ("PASSWORD", "hunter2")];

/// A whole cloud, and more.
fn with(more: &[(&str, &str)]) -> Result<Cloud, CloudProblem> {
    of(&[&USER[..], &[("PROJECT_ID", "p")], more].concat())
}

fn by_name(name: &str, domain: Domain) -> Ident {
    let name = name.to_owned();
    Ident::Name { name, domain }
}

#[test]
fn keystone_is_where_it_is_said_to_be() {
    let cases = [
        ("https://k:5000", "https://k:5000/v3"),
        ("https://k:5000/", "https://k:5000/v3"),
        ("https://k:5000/v3", "https://k:5000/v3"),
        ("https://k:5000/v3/", "https://k:5000/v3"),
        ("http://k/identity?x=1#y", "http://k/identity/v3"),
    ];
    for (text, url) in cases {
        assert_eq!(with(&[("AUTH_URL", text)]).unwrap().keystone.as_str(), url);
    }
    for text in [
        "keystone:5000",
        "ftp://k",
        "https://u:hunter2@k",
        "https://hunter2@k",
        "/v3",
    ] {
        let problem = with(&[("AUTH_URL", text)]).unwrap_err().to_string();
        assert!(
            problem.contains("as `OS_AUTH_URL`, but found something else"),
            "{problem}"
        );
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn users_and_projects_go_by_id_or_by_name_and_domain() {
    let id = |id: &str| Ident::Id(id.to_owned());
    let domain_id = |id: &str| Domain::Id(id.to_owned());
    let domain_name = |name: &str| Domain::Name(name.to_owned());
    let cases: [(&[(&str, &str)], _, _); 8] = [
        (&[("USER_ID", "u"), ("TENANT_ID", "p")], id("u"), id("p")),
        (
            &[
                ("USERNAME", "n"),
                ("USER_ID", "u"),
                ("PROJECT_ID", "p"),
                ("PROJECT_NAME", "q"),
            ],
            id("u"),
            id("p"),
        ),
        (
            &[
                ("USERNAME", "n"),
                ("USER_DOMAIN_NAME", "ud"),
                ("PROJECT_NAME", "q"),
                ("PROJECT_DOMAIN_ID", "pd"),
            ],
            by_name("n", domain_name("ud")),
            by_name("q", domain_id("pd")),
        ),
        (
            &[
                ("USERNAME", "n"),
                ("TENANT_NAME", "q"),
                ("DOMAIN_NAME", "d"),
            ],
            by_name("n", domain_name("d")),
            by_name("q", domain_name("d")),
        ),
        (
            &[
                ("USERNAME", "n"),
                ("USER_DOMAIN_ID", "ud"),
                ("PROJECT_NAME", "q"),
                ("DEFAULT_DOMAIN_NAME", "d"),
            ],
            by_name("n", domain_id("ud")),
            by_name("q", domain_name("d")),
        ),
        (
            &[
                ("USERNAME", "n"),
                ("PROJECT_NAME", "q"),
                ("DEFAULT_DOMAIN_ID", "d"),
            ],
            by_name("n", domain_id("d")),
            by_name("q", domain_id("d")),
        ),
        (
            &[
                ("USERNAME", "n"),
                ("PROJECT_NAME", "q"),
                ("DEFAULT_DOMAIN", "d"),
                ("IDENTITY_API_VERSION", "3"),
            ],
            by_name("n", domain_id("d")),
            by_name("q", domain_id("d")),
        ),
        (
            &[
                ("USERNAME", "n"),
                ("PROJECT_NAME", "q"),
                ("IDENTITY_API_VERSION", "3"),
            ],
            by_name("n", domain_id("default")),
            by_name("q", domain_id("default")),
        ),
    ];
    for (more, user, project) in cases {
        let cloud = of(&[&[KEYSTONE, ("PASSWORD", "hunter2")], more].concat()).unwrap();
        let Login::Password {
            user: found,
            project: scope,
            ..
        } = cloud.login
        else {
            panic!("a password")
        };
        assert_eq!((found, scope), (user, project), "{more:?}");
    }
}

#[test]
fn application_credentials_go_by_id_or_by_name_and_user() {
    let base = [
        KEYSTONE,
        ("AUTH_TYPE", "v3applicationcredential"),
        ("APPLICATION_CREDENTIAL_SECRET", "hunter2"),
    ];
    let id = Credential::Id("c".into());
    let user = Ident::Id("u".into());
    let name = Credential::Name {
        name: "n".into(),
        user,
    };
    let by_name = [("APPLICATION_CREDENTIAL_NAME", "n"), ("USER_ID", "u")];
    let cases: [(&[_], _); 2] = [
        (&[("APPLICATION_CREDENTIAL_ID", "c")], id),
        (&by_name, name),
    ];
    for (more, expected) in cases {
        let cloud = of(&[&base[..], more].concat()).unwrap();
        assert!(!format!("{cloud:?}").contains("hunter2"), "{cloud:?}");
        let Login::ApplicationCredential { credential, secret } = cloud.login else {
            panic!("an application credential")
        };
        assert_eq!((credential, secret.expose_secret()), (expected, "hunter2"));
    }
}

#[test]
fn what_is_missing_or_unsupported_is_reported_by_its_name() {
    let without_project = &USER[..];
    let cases: [(&[(&str, &str)], &str); 9] = [
        (
            &[KEYSTONE],
            "expected `OS_PASSWORD`, but found none (no cloud is named, and `OS_AUTH_URL` makes",
        ),
        (
            &[KEYSTONE, ("APPLICATION_CREDENTIAL_SECRET", "hunter2")],
            "`auth_type: v3applicationcredential` (`OS_AUTH_TYPE`)",
        ),
        (
            &[KEYSTONE, ("PASSWORD", "hunter2")],
            "expected `OS_USERNAME`, but found none",
        ),
        (
            without_project,
            "set it: or `project_id`: events belong to a project",
        ),
        (
            &[KEYSTONE, ("AUTH_TYPE", "v3applicationcredential")],
            "expected `OS_APPLICATION_CREDENTIAL_SECRET`",
        ),
        (
            &[
                KEYSTONE,
                ("AUTH_TYPE", "v3oidcpassword"),
                ("PASSWORD", "hunter2"),
            ],
            "`OS_AUTH_TYPE` is `v3oidcpassword`, and the native client logs in to a project by `password`",
        ),
        (
            &[KEYSTONE, ("TRUST_ID", "t")],
            "`OS_TRUST_ID` is set, and the native client",
        ),
        (
            &[KEYSTONE, ("SYSTEM_SCOPE", "all")],
            "use `client = openstack`",
        ),
        (
            &[
                USER[0],
                USER[1],
                USER[2],
                ("PROJECT_ID", "p"),
                ("INSECURE", "maybe"),
            ],
            "expected `true` or `false`, without quotation marks, as `OS_INSECURE`, but found something",
        ),
    ];
    for (variables, expected) in cases {
        let problem = of(variables).unwrap_err().to_string();
        assert!(problem.contains(expected), "no `{expected}` in {problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn tls_and_the_endpoint_are_as_in_clouds_yaml() {
    let plain = with(&[]).unwrap();
    assert!(plain.trust.verify);
    assert_eq!((plain.trust.ca_file, plain.trust.identity), (None, None));
    assert_eq!((plain.interface.as_str(), plain.region), ("public", None));
    assert_eq!(
        (plain.service_type.as_str(), plain.service_name),
        ("lease", None)
    );
    let cases: [(&[(&str, &str)], bool); 3] = [
        (&[("INSECURE", "true")], false),
        (&[("INSECURE", "false")], true),
        (&[("INSECURE", "")], true),
    ];
    for (more, verify) in cases {
        assert_eq!(with(more).unwrap().trust.verify, verify, "{more:?}");
    }
    let cloud = with(&[
        ("CACERT", "~/ca.pem"),
        ("CERT", "/c.pem"),
        ("KEY", "k.pem"),
        ("ENDPOINT_TYPE", "internalURL"),
        ("INTERFACE", "admin"),
        ("LEASE_REGION_NAME", "r2"),
        ("REGION_NAME", "r1"),
        ("LEASE_ENDPOINT_OVERRIDE", "http://leap:7777/v1"),
        ("LEASE_SERVICE_NAME", "esi-leap"),
    ])
    .unwrap();
    assert_eq!(cloud.trust.ca_file.unwrap(), Path::new("/h/ca.pem"));
    assert_eq!(
        cloud.trust.identity,
        Some(("/c.pem".into(), Some("k.pem".into())))
    );
    assert_eq!(
        (cloud.interface.as_str(), cloud.region.as_deref()),
        ("internal", Some("r2"))
    );
    assert_eq!(cloud.endpoint.unwrap().as_str(), "http://leap:7777/v1");
    assert_eq!(cloud.service_name.as_deref(), Some("esi-leap"));
}

#[test]
fn values_that_are_not_text_are_reported_without_being_shown() {
    let cases = [
        (
            "{auth: hunter2}",
            "expected a mapping as `auth` of cloud `c` in clouds.yaml, but found text",
        ),
        (
            "{auth: {auth_url: [hunter2]}}",
            "expected text as `auth_url` of cloud `c` in clouds.yaml, but found a list",
        ),
        (
            "{auth: {auth_url: 'http://k', password: {a: hunter2}}}",
            "expected text as `password` of cloud `c` in clouds.yaml, but found a mapping",
        ),
    ];
    for (text, expected) in cases {
        let file = format!("clouds: {{c: {text}}}");
        let read = |path: &Path| match path.to_str() {
            Some("clouds.yaml") => Ok(file.clone()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let problem = Cloud::find(Some("c"), &Variables::new(), &read).unwrap_err();
        assert_eq!(problem.message, expected);
    }
}
