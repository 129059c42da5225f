//! What a server asks for by `Retry-After`. Pure: the time is an argument.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// No server decides that anybody waits for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long `Retry-After` asks to wait: seconds, or a date (RFC 9110, 10.2.3). `None` if it says neither.
#[must_use]
pub fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            LONGEST_WAIT
        }
        Err(_) => {
            let date = rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}
