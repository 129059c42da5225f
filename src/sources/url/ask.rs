//! Asks one URL, and follows where it leads.

use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::{Client, Method, Request, Url};

use crate::http::{self, Deadline, NoAnswer, TrustNames};

/// So many redirects in a row are followed.
const REDIRECTS: usize = 10;

/// The status that a URL answers with in the end, or why there is none. The body is not waited for.
pub(super) async fn status(
    client: &Client,
    names: TrustNames,
    url: &Url,
    timeout: Duration,
) -> Result<u16, String> {
    let deadline = Deadline::after(timeout);
    let mut url = url.clone();
    for _ in 0..=REDIRECTS {
        let request = Request::new(Method::GET, url.clone());
        let answer = http::exchange(client, names, request, 0, deadline).await;
        let answer = answer.map_err(|error| match error {
            NoAnswer::Late(limit) => format!("no answer within {limit:?}"),
            NoAnswer::Failed(why) => why,
        })?;
        let status = answer.status.as_u16();
        let location = answer.headers.get(LOCATION);
        let Some(location) = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308))
        else {
            return Ok(status);
        };
        let next = location.to_str().ok().and_then(|to| url.join(to).ok());
        url = next
            .filter(|next| matches!(next.scheme(), "http" | "https"))
            .ok_or("it leads to what is no address of HTTP")?;
    }
    Err(format!("it leads on more than {REDIRECTS} times"))
}
