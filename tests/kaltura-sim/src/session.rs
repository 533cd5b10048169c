//! Kaltura sessions (KS): made and read in both forms (spec section 4.1).

use crate::ids::PartnerId;
use crate::order::KsVersion;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use rand::Rng as _;
use sha1::{Digest as _, Sha1};

/// Type of a session that is an administrator's.
pub(crate) const ADMIN: i64 = 2;
/// Type of a session that is a user's.
pub(crate) const USER: i64 = 0;

/// The content of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ks {
    pub(crate) partner_id: PartnerId,
    pub(crate) expiry_epoch_s: i64,
    pub(crate) session_type: i64,
    pub(crate) user_id: String,
    /// Comma separated `name` or `name:value`.
    pub(crate) privileges: String,
}

impl Ks {
    /// The value of a privilege: `Some("")` for a bare one.
    pub(crate) fn privilege(&self, name: &str) -> Option<&str> {
        self.privileges.split(',').find_map(|privilege| {
            let (key, value) = privilege.split_once(':').unwrap_or((privilege, ""));
            (key == name).then_some(value)
        })
    }

    /// Whether a privilege is held for that object, or for all.
    pub(crate) fn allows(&self, name: &str, object: &str) -> bool {
        self.privileges
            .split(',')
            .filter_map(|privilege| privilege.split_once(':'))
            .any(|(key, value)| {
                key == name && (value == object || value == "*" || value.split('/').any(|one| one == object))
            })
    }

    /// The string that goes over the wire, signed or encrypted with the account's secret.
    pub(crate) fn mint(&self, version: KsVersion, secret: &str) -> String {
        match version {
            KsVersion::V1 => self.mint_v1(secret),
            KsVersion::V2 => self.mint_v2(secret),
        }
    }

    fn mint_v1(&self, secret: &str) -> String {
        let rand: u32 = rand::rng().random();
        let info = format!(
            "{partner};{partner};{expiry};{kind};{rand};{user};{privileges};;",
            partner = self.partner_id,
            expiry = self.expiry_epoch_s,
            kind = self.session_type,
            user = self.user_id,
            privileges = self.privileges,
        );
        STANDARD.encode(format!(
            "{}|{info}",
            sha1_hex(&[secret.as_bytes(), info.as_bytes()])
        ))
    }

    fn mint_v2(&self, secret: &str) -> String {
        let mut fields = url::form_urlencoded::Serializer::new(String::new());
        for privilege in self
            .privileges
            .split(',')
            .filter(|privilege| !privilege.is_empty())
        {
            let (name, value) = privilege.split_once(':').unwrap_or((privilege, ""));
            if privilege == "*" {
                fields.append_pair("all", "*");
            } else {
                fields.append_pair(name, value);
            }
        }
        fields.append_pair("_e", &self.expiry_epoch_s.to_string());
        fields.append_pair("_t", &self.session_type.to_string());
        fields.append_pair("_u", &self.user_id);
        let mut payload = rand::rng().random::<[u8; 16]>().to_vec();
        payload.extend_from_slice(fields.finish().as_bytes());
        let mut plain = Sha1::digest(&payload).to_vec();
        plain.extend_from_slice(&payload);
        plain.resize(plain.len().next_multiple_of(16), 0);
        let cipher = cbc::Encryptor::<aes::Aes128>::new(&v2_key(secret).into(), &[0; 16].into());
        let mut raw = format!("v2|{}|", self.partner_id).into_bytes();
        raw.extend(cipher.encrypt_padded_vec_mut::<NoPadding>(&plain));
        URL_SAFE.encode(raw)
    }
}

/// Why a session isn't one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Reads a session in either form and checks its signature with the account's secret. Expiry isn't looked at.
pub(crate) fn read(raw: &str, secret_of: impl Fn(PartnerId) -> Option<String>) -> Result<Ks, Unreadable> {
    let standard = raw.trim().replace('-', "+").replace('_', "/");
    let padded = format!("{standard}{}", "=".repeat((4 - standard.len() % 4) % 4));
    let decoded = STANDARD.decode(padded).map_err(|_| Unreadable)?;
    if let Some(rest) = decoded.strip_prefix(b"v2|") {
        let bar = rest.iter().position(|byte| *byte == b'|').ok_or(Unreadable)?;
        let partner = std::str::from_utf8(&rest[..bar])
            .ok()
            .and_then(|id| id.parse().ok())
            .ok_or(Unreadable)?;
        let partner_id = PartnerId(partner);
        read_v2(
            partner_id,
            &rest[bar + 1..],
            &secret_of(partner_id).ok_or(Unreadable)?,
        )
    } else {
        read_v1(&String::from_utf8(decoded).map_err(|_| Unreadable)?, secret_of)
    }
}

fn read_v1(text: &str, secret_of: impl Fn(PartnerId) -> Option<String>) -> Result<Ks, Unreadable> {
    let (signature, info) = text.split_once('|').ok_or(Unreadable)?;
    let fields: Vec<&str> = info.split(';').collect();
    let [partner, _pattern, expiry, kind, _rand, user, privileges, ..] = fields[..] else {
        return Err(Unreadable);
    };
    let partner_id = PartnerId(partner.parse().map_err(|_| Unreadable)?);
    let secret = secret_of(partner_id).ok_or(Unreadable)?;
    if signature != sha1_hex(&[secret.as_bytes(), info.as_bytes()]) {
        return Err(Unreadable);
    }
    Ok(Ks {
        partner_id,
        expiry_epoch_s: expiry.parse().map_err(|_| Unreadable)?,
        session_type: kind.parse().map_err(|_| Unreadable)?,
        user_id: user.to_owned(),
        privileges: privileges.to_owned(),
    })
}

fn read_v2(partner_id: PartnerId, encrypted: &[u8], secret: &str) -> Result<Ks, Unreadable> {
    let cipher = cbc::Decryptor::<aes::Aes128>::new(&v2_key(secret).into(), &[0; 16].into());
    let plain = cipher
        .decrypt_padded_vec_mut::<NoPadding>(encrypted)
        .map_err(|_| Unreadable)?;
    let end = plain
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let plain = &plain[..end];
    if plain.len() < 36 || plain[..20] != Sha1::digest(&plain[20..])[..] {
        return Err(Unreadable);
    }
    let mut ks = Ks {
        partner_id,
        expiry_epoch_s: 0,
        session_type: USER,
        user_id: String::new(),
        privileges: String::new(),
    };
    let mut privileges = Vec::new();
    for (name, value) in url::form_urlencoded::parse(&plain[36..]) {
        match &*name {
            "_e" => ks.expiry_epoch_s = value.parse().map_err(|_| Unreadable)?,
            "_t" => ks.session_type = value.parse().map_err(|_| Unreadable)?,
            "_u" => ks.user_id = value.into_owned(),
            "_m" | "_d" => {}
            _ if value.is_empty() => privileges.push(name.into_owned()),
            _ => privileges.push(format!("{name}:{value}")),
        }
    }
    ks.privileges = privileges.join(",");
    Ok(ks)
}

fn v2_key(secret: &str) -> [u8; 16] {
    let digest = Sha1::digest(secret.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

fn sha1_hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// A random name of lower-case letters and digits.
pub(crate) fn random_name(length: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..length)
        .map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret(partner: PartnerId) -> Option<String> {
        (partner == PartnerId(110)).then(|| "0123456789abcdef".to_owned())
    }

    #[test]
    fn an_account_unknown_is_unreadable() {
        let ks = Ks {
            partner_id: PartnerId(7),
            expiry_epoch_s: 1,
            session_type: 0,
            user_id: String::new(),
            privileges: String::new(),
        };
        assert_eq!(
            read(&ks.mint(KsVersion::V2, "0123456789abcdef"), secret),
            Err(Unreadable)
        );
    }

    #[test]
    fn a_key_reads_as_the_guide_shows_it() {
        let privileges = "edit:0_o2z3458w,setrole:REACH_VENDOR_ROLE,disableentitlementforentry:0_o2z3458w,enablecaptionmoderation";
        let ks = Ks {
            partner_id: PartnerId(110),
            expiry_epoch_s: 1_521_726_088,
            session_type: 0,
            user_id: String::new(),
            privileges: privileges.to_owned(),
        };
        let v1 = ks.mint(KsVersion::V1, "0123456789abcdef");
        let text = String::from_utf8(STANDARD.decode(v1).unwrap()).unwrap();
        assert!(text.contains("|110;110;1521726088;0;") && text.ends_with(";;edit:0_o2z3458w,setrole:REACH_VENDOR_ROLE,disableentitlementforentry:0_o2z3458w,enablecaptionmoderation;;"), "{text}");
        assert!(ks.mint(KsVersion::V2, "0123456789abcdef").starts_with("djJ8"));
    }

    proptest! {
        #[test]
        fn both_forms_read_back(user in "[a-z@.]{0,12}", entry in "[01]_[a-z0-9]{8}", expiry in 0_i64..4_000_000_000, admin: bool) {
            let ks = Ks {
                partner_id: PartnerId(110),
                expiry_epoch_s: expiry,
                session_type: if admin { ADMIN } else { USER },
                user_id: user,
                privileges: format!("edit:{entry},disableentitlement"),
            };
            for version in [KsVersion::V1, KsVersion::V2] {
                prop_assert_eq!(read(&ks.mint(version, "0123456789abcdef"), secret), Ok(ks.clone()));
                prop_assert_eq!(read(&ks.mint(version, "another"), secret), Err(Unreadable));
            }
        }

        #[test]
        fn noise_is_unreadable(raw in ".{0,80}") {
            prop_assert_eq!(read(&raw, secret), Err(Unreadable));
        }
    }
}
