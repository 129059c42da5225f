//! Notifications that a real ESI Leap sent, and variations of them.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::Formatter;
use serde_json::{Map, Value};

/// oslo.messaging's two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// `driver=messagingv2`: the notification as a JSON string inside an envelope.
    MessagingV2,
    /// `driver=messaging`: the notification alone.
    Messaging,
}

/// A message as it went over the wire, or a variation of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// The form of `body`.
    pub(crate) driver: Driver,
    /// Queue and routing key: `esi_leap_versioned_notifications.info`, for one.
    pub(crate) queue: String,
    /// `esi_leap.lease.fulfill.end`, for one.
    pub(crate) event_type: String,
    /// The notification's identity, a UUID.
    pub(crate) message_id: String,
    /// What is sent, byte for byte.
    pub(crate) body: String,
}

impl Driver {
    /// Every form.
    pub(crate) const ALL: [Self; 2] = [Self::MessagingV2, Self::Messaging];

    fn folder(self) -> &'static str {
        match self {
            Self::MessagingV2 => "messagingv2",
            Self::Messaging => "messaging",
        }
    }
}

/// All captured notifications of one form, in the order in which they were sent.
pub(crate) fn all(driver: Driver) -> Vec<Captured> {
    #[derive(serde::Deserialize)]
    struct Record {
        queue: String,
        body: String,
    }

    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/notifications")
        .join(driver.folder());
    let entries = fs::read_dir(&folder)
        .unwrap_or_else(|why| panic!("failed to read {}: {why}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    let read = |file: &Path| -> Captured {
        let text = fs::read_to_string(file)
            .unwrap_or_else(|why| panic!("failed to read {}: {why}", file.display()));
        let record: Record = parse(&text);
        Captured::from_notification(
            driver,
            record.queue,
            &notification(driver, &record.body),
            record.body,
        )
    };
    files.iter().map(|file| read(file)).collect()
}

/// The first captured notification of this form and type.
///
/// # Panics
/// If there is none.
pub(crate) fn first(driver: Driver, event_type: &str) -> Captured {
    all(driver)
        .into_iter()
        .find(|captured| captured.event_type == event_type)
        .unwrap_or_else(|| panic!("no captured notification is a {event_type}"))
}

impl Captured {
    /// The notification inside: what script and filters see a part of.
    pub(crate) fn notification(&self) -> Map<String, Value> {
        notification(self.driver, &self.body)
    }

    /// The lease data: `payload`, `esi_leap_object.data`.
    pub(crate) fn data(&self) -> Map<String, Value> {
        let mut notification = self.notification();
        std::mem::take(data_of(&mut notification))
    }

    /// The same news as another message: with a `message_id` and `_unique_id` of its own.
    pub(crate) fn fresh(&self) -> Self {
        let id = format!("{:032x}", fastrand::u128(..));
        let uuid = format!(
            "{}-{}-4{}-8{}-{}",
            &id[..8],
            &id[8..12],
            &id[13..16],
            &id[17..20],
            &id[20..]
        );
        let unique = format!("{:032x}", fastrand::u128(..));
        self.edited(|notification| {
            notification.insert("message_id".to_owned(), uuid.into());
            notification.insert("_unique_id".to_owned(), unique.into());
        })
    }

    /// The same message with another value of one field of the lease data.
    pub(crate) fn with(&self, field: &str, value: impl Into<Value>) -> Self {
        self.edited(|notification| {
            data_of(notification).insert(field.to_owned(), value.into());
        })
    }

    /// The same message, sent at another time.
    pub(crate) fn sent_at(&self, time: &str) -> Self {
        self.edited(|notification| {
            notification.insert("timestamp".to_owned(), time.into());
        })
    }

    /// The same message without one field of the lease data.
    pub(crate) fn without(&self, field: &str) -> Self {
        self.edited(|notification| {
            let removed = data_of(notification).shift_remove(field);
            assert!(removed.is_some(), "{} has no {field}", self.event_type);
        })
    }

    /// The same message with any change to the notification, written as Python writes it.
    pub(crate) fn edited(&self, edit: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let mut notification = self.notification();
        edit(&mut notification);
        let inner = as_python(&notification);
        let body = match self.driver {
            Driver::Messaging => inner,
            Driver::MessagingV2 => {
                let mut envelope: Map<String, Value> = parse(&self.body);
                envelope.insert("oslo.message".to_owned(), inner.into());
                as_python(&envelope)
            }
        };
        Self::from_notification(self.driver, self.queue.clone(), &notification, body)
    }

    fn from_notification(
        driver: Driver,
        queue: String,
        notification: &Map<String, Value>,
        body: String,
    ) -> Self {
        let text = |field: &str| {
            notification
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            driver,
            queue,
            event_type: text("event_type"),
            message_id: text("message_id"),
            body,
        }
    }
}

fn notification(driver: Driver, body: &str) -> Map<String, Value> {
    match driver {
        Driver::Messaging => parse(body),
        Driver::MessagingV2 => {
            let envelope: Map<String, Value> = parse(body);
            parse(
                envelope["oslo.message"]
                    .as_str()
                    .expect("the envelope holds a string"),
            )
        }
    }
}

fn data_of(notification: &mut Map<String, Value>) -> &mut Map<String, Value> {
    notification["payload"]["esi_leap_object.data"]
        .as_object_mut()
        .expect("the lease data is an object")
}

fn parse<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text)
        .unwrap_or_else(|why| panic!("a captured notification is not as expected: {why}"))
}

/// JSON as Python's `json.dumps` writes it: spaces after separators, and ASCII only.
fn as_python(value: &Map<String, Value>) -> String {
    let mut bytes = Vec::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            &mut bytes, Python,
        ))
        .expect("a JSON value can be written");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.begin_array_value(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        let mut units = [0; 2];
        for character in fragment.chars() {
            if character.is_ascii() && character != '\x7f' {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}
