//! A broker's side of a login: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 4616, RFC 5802).

use std::num::NonZeroU32;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::{digest, hmac, pbkdf2};

const API_VERSIONS: i16 = 18;
const HANDSHAKE: i16 = 17;
const AUTHENTICATE: i16 = 36;

/// What this broker can do: the number of each request, and its versions.
const VERSIONS: [(i16, i16, i16); 7] = [
    (0, 3, 7),
    (1, 4, 4),
    (2, 0, 3),
    (3, 0, 2),
    (HANDSHAKE, 0, 1),
    (API_VERSIONS, 0, 0),
    (AUTHENTICATE, 0, 0),
];

const ILLEGAL: i16 = 34;
const UNSUPPORTED_VERSION: i16 = 35;
const FAILED: i16 = 58;

const SALT: &[u8] = b"salt of a test";
const ITERATIONS: u32 = 4096;

/// One user's login.
pub(super) struct Login {
    user: String,
    password: String,
    mechanism: String,
    /// Of SCRAM: what was said first by both.
    said: Option<(String, String)>,
    is_done: bool,
}

impl Login {
    pub(super) fn new(user: String, password: String) -> Self {
        Self {
            user,
            password,
            mechanism: String::new(),
            said: None,
            is_done: false,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(super) fn mechanism(&self) -> &str {
        &self.mechanism
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let number = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
        let (api, version, correlation) = (number(0), number(2), &request[4..8]);
        let client = usize::try_from(number(8)).unwrap_or_default();
        let body = &request[10 + client..];
        let answer = match api {
            API_VERSIONS if version > 0 => {
                [&UNSUPPORTED_VERSION.to_be_bytes()[..], &[0; 4]].concat()
            }
            API_VERSIONS => {
                let count = i32::try_from(VERSIONS.len()).expect("a few");
                let versions = VERSIONS.iter().flat_map(|(api, least, most)| {
                    [api, least, most].map(|number| number.to_be_bytes())
                });
                let mut answer = [&[0; 2][..], &count.to_be_bytes()].concat();
                answer.extend(versions.flatten());
                answer
            }
            HANDSHAKE => {
                self.mechanism = String::from_utf8_lossy(&body[2..]).into_owned();
                let all = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
                let mut answer = [&[0; 2][..], &3_i32.to_be_bytes()].concat();
                for name in all {
                    answer.extend(u16::try_from(name.len()).expect("short").to_be_bytes());
                    answer.extend(name.bytes());
                }
                answer
            }
            AUTHENTICATE => match self.authenticate(&String::from_utf8_lossy(&body[4..])) {
                Some(said) => authenticated(0, &said),
                None => authenticated(FAILED, ""),
            },
            _ => authenticated(ILLEGAL, ""),
        };
        [correlation, &answer].concat()
    }

    fn authenticate(&mut self, said: &str) -> Option<String> {
        let algorithms = match self.mechanism.as_str() {
            "PLAIN" => {
                self.is_done = said == format!("\0{}\0{}", self.user, self.password);
                return self.is_done.then(String::new);
            }
            "SCRAM-SHA-256" => (
                pbkdf2::PBKDF2_HMAC_SHA256,
                hmac::HMAC_SHA256,
                &digest::SHA256,
            ),
            "SCRAM-SHA-512" => (
                pbkdf2::PBKDF2_HMAC_SHA512,
                hmac::HMAC_SHA512,
                &digest::SHA512,
            ),
            _ => return None,
        };
        let field = |text: &str, name: &str| {
            let mut fields = text.split(',');
            fields.find_map(|it| it.strip_prefix(name).map(str::to_owned))
        };
        let Some((first, answered)) = self.said.take() else {
            let first = said.strip_prefix("n,,")?.to_owned();
            if field(&first, "n=")? != self.user {
                return None;
            }
            let nonce = field(&first, "r=")? + "ours";
            let salt = BASE64_STANDARD.encode(SALT);
            let answer = format!("r={nonce},s={salt},i={ITERATIONS}");
            self.said = Some((first, answer.clone()));
            return Some(answer);
        };
        let (without_proof, proof) = said.rsplit_once(",p=")?;
        let exchange = format!("{first},{answered},{without_proof}");
        let (stretched, hmac_of, digest_of) = algorithms;
        let mut salted = vec![0; digest_of.output_len()];
        let iterations = NonZeroU32::new(ITERATIONS).expect("many");
        pbkdf2::derive(
            stretched,
            iterations,
            SALT,
            self.password.as_bytes(),
            &mut salted,
        );
        let sign = |key: &[u8], text: &[u8]| {
            hmac::sign(&hmac::Key::new(hmac_of, key), text)
                .as_ref()
                .to_vec()
        };
        let client_key = sign(&salted, b"Client Key");
        let stored = digest::digest(digest_of, &client_key);
        let signature = sign(stored.as_ref(), exchange.as_bytes());
        let expected: Vec<u8> = client_key
            .iter()
            .zip(signature)
            .map(|(a, b)| a ^ b)
            .collect();
        if BASE64_STANDARD.decode(proof).ok()? != expected {
            return None;
        }
        self.is_done = true;
        let server = sign(&sign(&salted, b"Server Key"), exchange.as_bytes());
        Some(format!("v={}", BASE64_STANDARD.encode(server)))
    }
}

/// Error, no message, and what is said.
fn authenticated(error: i16, said: &str) -> Vec<u8> {
    let length = i32::try_from(said.len()).expect("short");
    [
        &error.to_be_bytes()[..],
        &(-1_i16).to_be_bytes(),
        &length.to_be_bytes(),
        said.as_bytes(),
    ]
    .concat()
}
