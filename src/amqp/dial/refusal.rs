//! Why a broker refuses a login, and what to check.

use lapin::ErrorKind;

use super::tls::{insecure, turned_away};
use crate::amqp::settings::{Broker, Endpoint, LoginMethod};

/// What login by certificate alone takes.
const EXTERNAL: &str = "it needs the plugin rabbitmq_auth_mechanism_ssl, `EXTERNAL` among its \
                        `auth_mechanisms`, and a user of the name that `ssl_cert_login_from` takes \
                        from the certificate; or remove `rabbit_login_method` to log in by user and \
                        password";

/// Why the login failed, and what to look at.
pub(super) fn refused(error: &lapin::Error, endpoint: &Endpoint, broker: &Broker) -> String {
    let text = error.to_string();
    if text.contains("ACCESS_REFUSED") || text.contains("ACCESS-REFUSED") {
        if broker.login_method == LoginMethod::External {
            return format!(
                "the broker refuses the login by certificate alone: {EXTERNAL} ({text})"
            );
        }
        return format!(
            "the broker refuses user `{}` or the password: check `user`, `password` or \
             `transport_url`, and that this user may log in from this host ({text})",
            endpoint.user
        );
    }
    if let Some(remedy) = exhausted(&text, endpoint, broker) {
        return format!("{remedy} ({text})");
    }
    if text.contains("NOT_ALLOWED") || text.contains("NOT-ALLOWED") {
        return format!(
            "user `{}` may not use virtual host `{}`, or it does not exist: check `vhost` ({text})",
            endpoint.user, broker.vhost
        );
    }
    match (error.kind(), &broker.tls) {
        // A broker that does not know this way to log in hangs up.
        (ErrorKind::IOError(error), Some(tls)) if broker.login_method == LoginMethod::External => {
            insecure(
                error,
                tls,
                &format!("{}; else {EXTERNAL}", turned_away(tls)),
            )
        }
        (ErrorKind::IOError(error), Some(tls)) => insecure(error, tls, &turned_away(tls)),
        (ErrorKind::IOError(_) | ErrorKind::ParsingError(_), _) => format!(
            "no RabbitMQ answers at this address, or it expects TLS (`ssl = yes`, and usually port \
             5671): {text}"
        ),
        _ => text,
    }
}

/// What stands in the way of a login that is not at fault itself: a limit, or a virtual host that is
/// not there just now. Told by the broker's words, since all of them come under codes that also mean
/// other things.
fn exhausted(text: &str, endpoint: &Endpoint, broker: &Broker) -> Option<String> {
    let (user, vhost) = (&endpoint.user, &broker.vhost);
    let lower = text.to_ascii_lowercase();
    let any = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if any(&["connection limit", "connection_limit", "max-connections"]) {
        return Some(
            if any(&["node connection limit", "node's connection limit"]) {
                "the broker's node has reached its limit of connections: see `rabbitmqctl \
             list_connections` and `connection_max` in its rabbitmq.conf"
                    .to_owned()
            } else if any(&["user connection limit", "for user connection"]) {
                format!(
                    "user `{user}` has reached its limit of connections: see `rabbitmqctl \
                 list_user_limits --user {user}`, lift it with `rabbitmqctl set_user_limits`"
                )
            } else {
                format!(
                    "virtual host `{vhost}` has reached its limit of connections: see `rabbitmqctl \
                 list_vhost_limits -p {vhost}`, lift it with `rabbitmqctl set_vhost_limits`"
                )
            },
        );
    }
    if any(&["is down", "vhost_is_down", "is being deleted", "is deleted"]) {
        return Some(format!(
            "virtual host `{vhost}` is down or being deleted: see the broker's log, restart it with \
             `rabbitmqctl restart_vhost -p {vhost}`"
        ));
    }
    None
}
