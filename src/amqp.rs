//! Connections to RabbitMQ: how options say where it is, how to connect and log in, and how to publish.
//!
//! For the source that consumes queues and the action that publishes. What is consumed is the source's affair.

mod dial;
pub mod options;
mod publisher;
mod settings;
mod transport_url;

use std::time::Duration;

use lapin::Connection;

pub use dial::{Budget, prepare};
pub use publisher::{Message, Publisher, Unpublished, close_publishers};
pub use settings::{Broker, Endpoint, LoginMethod, Tls};
pub use transport_url::written_for_oslo;

/// How long the broker may take to confirm that a connection is closed.
const CLOSING: Duration = Duration::from_secs(2);

/// Connects to the first of the hosts that can be used: `HOST:PORT`, the connection, and what may be read of it.
///
/// # Errors
/// One reason for each host, in words that name it.
pub async fn connect(broker: &Broker) -> Result<(String, Connection, Budget), Vec<String>> {
    let mut reasons = Vec::new();
    for endpoint in &broker.endpoints {
        let name = format!("{}:{}", endpoint.host, endpoint.port);
        match dial::dial(broker, endpoint).await {
            Ok((connection, budget)) => {
                for reason in &reasons {
                    tracing::warn!("failed to connect to {reason}");
                }
                return Ok((name, connection, budget));
            }
            Err(why) => reasons.push(format!("{name}: {why}")),
        }
    }
    Err(reasons)
}

/// Ends a connection in good order, unless the broker's answer would be behind more than may be held.
pub async fn close(connection: &Connection, budget: &Budget) {
    if budget.is_used_up() {
        return budget.abort();
    }
    let closing = connection.close(200, "stopping".into());
    match tokio::time::timeout(CLOSING, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("failed to close the connection cleanly: {error}"),
        Err(_) => {
            tracing::debug!("the broker did not confirm that the connection is closed");
            budget.abort();
        }
    }
}
