//! The options that say how to reach the bus: those of `[DEFAULT]`, or a `transport_url` of a section's own.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::settings::{Broker, Endpoint, LoginMethod, Tls};
use super::transport_url::TransportUrl;
use crate::config::{Options, Password, duration};
use crate::core::ini::problem::Problem;

const PORT: u16 = 5672;
const TLS_PORT: u16 = 5671;

/// Where the URL of the bus is to be had.
pub const OF_BUS: &str =
    "copy `transport_url` from the section [oslo_messaging_notifications] of esi-leap.conf";

/// Reads them; without a host if a problem was found with which there is nothing to connect to.
pub fn read(options: &mut Options<'_>, folder: &Path) -> Broker {
    read_with(options, folder, OF_BUS)
}

/// The same of another broker; `source` says where its URL is to be had.
pub fn read_with(options: &mut Options<'_>, folder: &Path, source: &str) -> Broker {
    let url = transport_url(options);
    let of_url = url.as_ref().and_then(|url| url.ssl);
    let of_url = of_url.filter(|_| !says(options, "ssl"));
    let ssl = of_url.unwrap_or_else(|| options.switch("ssl"));
    let of_url = url.as_ref().map(|url| url.vhost.clone());
    let vhost = of_url.filter(|_| !says(options, "vhost"));
    let vhost = vhost.unwrap_or_else(|| options.text_or_default("vhost"));
    let port = if ssl { TLS_PORT } else { PORT };
    let login_method = login_method(options, ssl);
    let endpoints = endpoints(options, url, port, login_method, (folder, source));
    let tls = tls(options, folder, ssl);
    let heartbeat = options.parse("heartbeat", "write it like `60s`, the default", |text| {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(3600);
        duration(text).filter(|time| time.subsec_nanos() == 0 && bounds.contains(time))
    });
    Broker {
        endpoints,
        vhost,
        heartbeat: heartbeat.unwrap_or_default(),
        tls,
        login_method,
    }
}

/// Whether an option is said for the same broker as `transport_url`: what `[DEFAULT]` says is of no other broker than its
/// own, least of all a password.
fn says(options: &Options<'_>, name: &str) -> bool {
    !options.lacks(name) && (options.is_own(name) || !options.is_own("transport_url"))
}

/// The hosts, out of the URL or of the options for each part.
fn endpoints(
    options: &mut Options<'_>,
    url: Option<TransportUrl>,
    default_port: u16,
    login_method: LoginMethod,
    (folder, source): (&Path, &str),
) -> Vec<Endpoint> {
    // With a login by certificate, both may be there, but are not used.
    let by_certificate = login_method == LoginMethod::External;
    let none = by_certificate.then(|| Password::Text(SecretString::from("")));
    let password = password(options, folder).or(none);
    let user = says(options, "user").then(|| options.text("user"));
    let user = user.flatten().map(str::to_owned);
    let user = user.or(by_certificate.then(String::new));
    let Some(url) = url else {
        if !options.lacks("transport_url") {
            return Vec::new();
        }
        for name in ["user", "host"] {
            if options.lacks(name) && !(by_certificate && name == "user") {
                let message = format!("expected `{name}` or `transport_url`, but found neither");
                options.report_section(&message, source);
            }
        }
        if password.is_none() && options.lacks("password") && options.lacks("password_file") {
            let message =
                "expected `password`, `password_file` or `transport_url`, but found none of them";
            options.report_section(message, source);
        }
        let hint = "5672 is RabbitMQ's port, 5671 its port with TLS";
        let port = options.parse("port", hint, |text| {
            text.parse().ok().filter(|port: &u16| *port > 0)
        });
        let (Some(host), Some(user), Some(password)) = (options.text("host"), user, password)
        else {
            return Vec::new();
        };
        let port = port.unwrap_or(default_port);
        return vec![Endpoint {
            host: host.to_owned(),
            port,
            user,
            password,
        }];
    };
    let mut endpoints = Vec::new();
    for (number, host) in (1..).zip(url.hosts) {
        let user = host.user.or_else(|| user.clone());
        let password = host
            .password
            .map(Password::Text)
            .or_else(|| password.clone());
        if let (Some(user), Some(password)) = (user, password) {
            let port = host.port.unwrap_or(default_port);
            endpoints.push(Endpoint {
                host: host.name,
                port,
                user,
                password,
            });
        } else if let Some(option) = options.get("transport_url") {
            // Its name is not shown: it may be a part of a password with commas.
            let problem = Problem::error(
                format!(
                    "expected a user and a password for each host of `transport_url`, but number \
                     {number} has none"
                ),
                "write them before the host, like `user:password@host`; in [DEFAULT], `user` and \
                 `password` or `password_file` hold for all hosts",
            );
            options.report(problem, option, option.value.position());
        }
    }
    endpoints
}

fn transport_url(options: &mut Options<'_>) -> Option<TransportUrl> {
    let option = options.get("transport_url")?;
    let text = options.text("transport_url")?;
    let at = |offset| option.value.position_at(offset);
    match TransportUrl::parse(text) {
        Ok(url) => {
            let says_user = url.hosts.iter().all(|host| host.user.is_some());
            let says_password = url.hosts.iter().all(|host| host.password.is_some());
            for (name, said) in [
                ("host", true),
                ("port", true),
                ("user", says_user),
                ("password", says_password),
                ("password_file", says_password),
            ] {
                // What the URL itself refers to says nothing else.
                if said
                    && says(options, name)
                    && let Some(other) = options.get(name)
                    && !other.used_as_variable
                {
                    let problem = Problem::error(
                        format!("expected `transport_url` or `{name}`, but found both"),
                        format!("remove `{name}`: the URL contains it already"),
                    );
                    options.report(problem, other, other.position);
                }
            }
            for name in &url.ignored {
                let problem = Problem::warning(
                    format!("the parameter `{name}` of `transport_url` has no meaning here"),
                    "remove it from the URL; `ssl` is the only one that has",
                );
                options.report(problem, option, at(0));
            }
            Some(url)
        }
        Err(invalid) => {
            options.report(
                Problem::error(invalid.message, invalid.hint),
                option,
                at(invalid.offset),
            );
            None
        }
    }
}

fn password(options: &mut Options<'_>, folder: &Path) -> Option<Password> {
    if !says(options, "password") && !says(options, "password_file") {
        return None;
    }
    if let Some(option) = options.get("password")
        && let Some(comment) = option.comment
    {
        let problem = Problem::warning(
            "a `#` or `;` after white space begins a comment, also in `password`",
            "if it is a part of the password, use `password_file`, where it is one",
        );
        options.report(problem, option, comment);
    }
    let text = options
        .text("password")
        .map(|text| Password::Text(SecretString::from(text)));
    let file = options.text("password_file").map(|name| Password::File {
        name: name.into(),
        folder: folder.to_owned(),
    });
    if text.is_some() && file.is_some() {
        let option = options.get("password_file")?;
        let problem = Problem::error(
            "expected `password` or `password_file`, but found both",
            "keep `password_file`, and remove `password`",
        );
        options.report(problem, option, option.position);
    }
    text.or(file)
}

fn tls(options: &mut Options<'_>, folder: &Path, ssl: bool) -> Option<Tls> {
    let ca_file = options.path("ssl_ca_file", folder);
    let certificate = options.path("ssl_cert_file", folder);
    let key = options.path("ssl_key_file", folder);
    for name in ["ssl_ca_file", "ssl_cert_file", "ssl_key_file"]
        .into_iter()
        .filter(|_| !ssl)
    {
        if says(options, name)
            && let Some(option) = options.get(name)
        {
            let problem = Problem::warning(
                format!("`{name}` has no meaning without TLS"),
                "set `ssl = yes`, or remove it",
            );
            options.report(problem, option, option.position);
        }
    }
    for (name, other) in [
        ("ssl_cert_file", "ssl_key_file"),
        ("ssl_key_file", "ssl_cert_file"),
    ] {
        if let (Some(option), None) = (options.get(name), options.get(other)) {
            let problem = Problem::error(
                format!("expected `{other}` beside `{name}`, but found none"),
                format!("set `{other}` too: a client certificate needs both"),
            );
            options.report(problem, option, option.position);
        }
    }
    ssl.then(|| Tls {
        ca_file,
        identity: certificate.zip(key),
    })
}

/// Login by certificate alone needs one, and TLS to show it.
fn login_method(options: &mut Options<'_>, ssl: bool) -> LoginMethod {
    let hint = "leave it out for user and password; `EXTERNAL` logs in by `ssl_cert_file` alone";
    let method = options.parse("rabbit_login_method", hint, |text| match text {
        "PLAIN" => Some(LoginMethod::Plain),
        "AMQPLAIN" => Some(LoginMethod::AmqPlain),
        "EXTERNAL" => Some(LoginMethod::External),
        _ => None,
    });
    let method = method.unwrap_or_default();
    if method == LoginMethod::External
        && let Some(option) = options.get("rabbit_login_method")
    {
        for (lacking, name) in [
            (!ssl, "ssl = yes"),
            (options.lacks("ssl_cert_file"), "ssl_cert_file"),
        ] {
            if lacking {
                let problem = Problem::error(
                    format!(
                        "expected `{name}` beside `rabbit_login_method = EXTERNAL`, but found none"
                    ),
                    format!("set `{name}`: the certificate is shown to the broker over TLS"),
                );
                options.report(problem, option, option.position);
            }
        }
    }
    method
}
