//! `meta.uuid` as `ansible.eda.kafka` has it. Pure.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The namespace that it is made in, `NAMESPACE_OID` of RFC 9562.
const NAMESPACE: [u8; 16] = [
    0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
];

/// The UUID of version 5 of this name.
pub(super) fn of_name(name: &str) -> String {
    let hash = digest(
        &SHA1_FOR_LEGACY_USE_ONLY,
        &[&NAMESPACE, name.as_bytes()].concat(),
    );
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    )
}

/// Whether Python takes this text for a UUID: 32 digits, with dashes, braces or `urn:uuid:` or without them.
pub(super) fn is_uuid(text: &str) -> bool {
    let text = text.replace("urn:", "").replace("uuid:", "");
    let digits = text.trim_matches(['{', '}']).replace('-', "");
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_the_one_that_python_makes() {
        // uuid.uuid5(uuid.NAMESPACE_OID, "alarms:0:42")
        assert_eq!(
            of_name("alarms:0:42"),
            "2565c7ba-f294-5395-8485-6100d5d867a1"
        );
    }

    #[test]
    fn a_uuid_is_what_python_takes_for_one() {
        for text in [
            "11111111-1111-4111-8111-111111111111",
            "{11111111-1111-4111-8111-111111111111}",
            "11111111111141118111111111111111",
            "urn:uuid:ABCDEF00-1111-4111-8111-111111111111",
        ] {
            assert!(is_uuid(text), "{text}");
        }
        for text in [
            "",
            "5",
            "1111111111114111811111111111111",
            "not-a-uuid",
            "é",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
