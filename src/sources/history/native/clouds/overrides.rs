//! The variables that are options of the `openstack` program: they override a cloud's settings. Pure.

use super::{Variables, set};
use crate::sources::history::native::yaml::{Section, Setting};

/// What such an option sets, of all that this client looks at; `OS_` and the same in capitals is its
/// variable. What is not here counts only if the variables are the cloud, such as `OS_INSECURE`.
const OPTIONS: [&str; 28] = [
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "auth_type",
    "auth_url",
    "cacert",
    "cert",
    "default_domain_id",
    "default_domain_name",
    "domain_id",
    "domain_name",
    "identity_api_version",
    "interface",
    "key",
    "passcode",
    "password",
    "project_domain_id",
    "project_domain_name",
    "project_id",
    "project_name",
    "service_provider",
    "system_scope",
    "token",
    "trust_id",
    "user_domain_id",
    "user_domain_name",
    "user_id",
    "username",
];

/// Lays the options that are set over the cloud's settings, and gives their names.
pub(super) fn lay_over(cloud: &mut Section, variables: &Variables) -> Vec<&'static str> {
    let mut laid = Vec::new();
    for option in OPTIONS {
        let value = set(variables, &variable(option)).or_else(|| match option {
            "project_id" => set(variables, "OS_TENANT_ID"),
            "project_name" => set(variables, "OS_TENANT_NAME"),
            _ => None,
        });
        if let Some(value) = value {
            cloud.insert(option.to_owned(), Setting::Text(value.to_owned()));
            laid.push(option);
        }
    }
    // This one has a value of its own, so a file's is never looked at.
    let domain = set(variables, "OS_DEFAULT_DOMAIN").unwrap_or("default");
    cloud.insert(
        "default_domain".to_owned(),
        Setting::Text(domain.to_owned()),
    );
    laid
}

/// The variable of a setting.
pub(in crate::sources::history::native) fn variable(key: &str) -> String {
    format!("OS_{}", key.to_ascii_uppercase())
}
