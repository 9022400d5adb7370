//! Keys: which algorithm each is for, and whether it made a signature.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Most keys of a set that are looked at.
const MOST: usize = 64;

/// An algorithm that signatures may be made by. HMAC is none: who can check it could make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519 (RFC 8037).
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 4] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

    /// Its name (RFC 7518 3.1, RFC 8037 3.1).
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, if it is one that may be accepted.
    pub fn named(name: &str) -> Option<Self> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The left half of the hash that goes with it: `at_hash` (OpenID Connect Core 3.1.3.6).
    pub(crate) fn half_hash(self, text: &str) -> Vec<u8> {
        let hash = match self {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &digest::SHA256,
            Algorithm::EdDsa => &digest::SHA512,
        };
        let whole = digest::digest(hash, text.as_bytes());
        whole.as_ref().iter().take(whole.as_ref().len() / 2).copied().collect()
    }
}

/// A provider's public key. It is for one algorithm: the one that it names, else the first that is accepted and that its
/// type can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of P-256, uncompressed, or of Ed25519.
    Point(Vec<u8>),
}

impl Key {
    /// The algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this key made the signature of these bytes.
    pub(crate) fn made(&self, signed: &[u8], signature: &[u8]) -> bool {
        let point =
            |algorithm, point: &[u8]| UnparsedPublicKey::new(algorithm, point).verify(signed, signature);
        match (&self.material, self.algorithm) {
            (Material::Rsa { n, e }, Algorithm::Rs256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Material::Rsa { n, e }, Algorithm::Ps256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Material::Point(bytes), Algorithm::Es256) => point(&ECDSA_P256_SHA256_FIXED, bytes).is_ok(),
            (Material::Point(bytes), Algorithm::EdDsa) => point(&ED25519, bytes).is_ok(),
            (Material::Rsa { .. }, _) | (Material::Point(_), _) => false,
        }
    }
}

/// The keys of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

/// The text is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the provider gave is no JSON Web Key set")]
pub struct KeysError;

impl Keys {
    /// Reads a set (RFC 7517 5). Keys for other purposes, or that no accepted algorithm fits, are left out.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn read(json: &[u8], accepted: &[Algorithm]) -> Result<Self, KeysError> {
        let set: Set = serde_json::from_slice(json).map_err(|_| KeysError)?;
        let keys = set.keys.into_iter().take(MOST);
        Ok(Self(keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.key(accepted)).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of this name; without a name the only one for the algorithm.
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        match id {
            Some(_) => self.0.iter().find(|key| key.id.as_deref() == id),
            None => {
                let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
                fitting.next().filter(|_| fitting.next().is_none())
            }
        }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    fn key(self, accepted: &[Algorithm]) -> Option<Key> {
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = self.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        let can: &[Algorithm] = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => &[Algorithm::Rs256, Algorithm::Ps256],
            ("EC", Some("P-256")) => &[Algorithm::Es256],
            ("OKP", Some("Ed25519")) => &[Algorithm::EdDsa],
            _ => return None,
        };
        let named = self.alg.as_deref();
        let algorithm = *accepted
            .iter()
            .find(|one| can.contains(one) && named.is_none_or(|name| name == one.name()))
            .filter(|_| signs && verifies)?;
        let number = |text: Option<&String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let (x, y) = (number(self.x.as_ref()), number(self.y.as_ref()));
        let material = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                Material::Rsa { n: number(self.n.as_ref())?, e: number(self.e.as_ref())? }
            }
            Algorithm::Es256 => {
                let (x, y) = (x.filter(|x| x.len() == 32)?, y.filter(|y| y.len() == 32)?);
                Material::Point([&[4], x.as_slice(), y.as_slice()].concat())
            }
            Algorithm::EdDsa => Material::Point(x.filter(|x| x.len() == 32)?),
        };
        Some(Key { id: self.kid, algorithm, material })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515 A.2 and A.3, RFC 8037 A.4: others' keys, texts and signatures.
    const RSA: (&str, &str, &str) = (
        r#"{"kty":"RSA","kid":"r","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    const EC: (&str, &str, &str) = (
        r#"{"kty":"EC","kid":"e","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    const ED: (&str, &str, &str) = (
        r#"{"kty":"OKP","kid":"d","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );

    fn keys(all: &[&str]) -> Keys {
        Keys::read(format!("{{\"keys\":[{}]}}", all.join(",")).as_bytes(), &Algorithm::ALL).unwrap()
    }

    #[test]
    fn signatures_of_others() {
        let set = keys(&[RSA.0, EC.0, ED.0]);
        assert_eq!(set.len(), 3);
        for ((_, signed, signature), id, algorithm) in
            [(RSA, "r", Algorithm::Rs256), (EC, "e", Algorithm::Es256), (ED, "d", Algorithm::EdDsa)]
        {
            let key = set.find(Some(id), algorithm).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert!(key.made(signed.as_bytes(), &signature), "{id}");
            assert!(!key.made(&signed.as_bytes()[1..], &signature), "{id}");
            signature[7] ^= 1;
            assert!(!key.made(signed.as_bytes(), &signature), "{id}");
            assert!(!key.made(signed.as_bytes(), &[]), "{id}");
            assert_eq!(set.find(None, algorithm), Some(key), "the only one for it");
        }
    }

    #[test]
    fn which_keys_count() {
        let with = |key: &str, more: &str| key.replacen('{', &format!("{{{more},"), 1);
        for (key, algorithm) in [
            (RSA.0.to_owned(), Some(Algorithm::Rs256)),
            (with(RSA.0, r#""alg":"PS256""#), Some(Algorithm::Ps256)),
            (with(RSA.0, r#""alg":"RS512""#), None),
            (with(RSA.0, r#""alg":"HS256""#), None),
            (with(EC.0, r#""alg":"RS256""#), None),
            (with(EC.0, r#""use":"enc""#), None),
            (with(EC.0, r#""use":"sig""#), Some(Algorithm::Es256)),
            (with(EC.0, r#""key_ops":["sign"]"#), None),
            (with(EC.0, r#""key_ops":["verify"]"#), Some(Algorithm::Es256)),
            (EC.0.replace("P-256", "P-384"), None),
            (EC.0.replace("f83O", ""), None),
            (ED.0.replace("Ed25519", "X25519"), None),
            (r#"{"kty":"oct","kid":"o","k":"c2VjcmV0"}"#.to_owned(), None),
            ("7".to_owned(), None),
            ("{}".to_owned(), None),
        ] {
            let found = keys(&[&key]).0.first().map(Key::algorithm);
            assert_eq!(found, algorithm, "{key:.60}");
        }
        let ps = Keys::read(format!("{{\"keys\":[{}]}}", RSA.0).as_bytes(), &[Algorithm::Ps256]).unwrap();
        assert_eq!(
            ps.0[0].algorithm(),
            Algorithm::Ps256,
            "what is accepted decides for a key that does not say"
        );
        assert_eq!(Keys::read(b"[]", &Algorithm::ALL), Err(KeysError));
        assert_eq!(Keys::read(b"<html>", &Algorithm::ALL), Err(KeysError));
        assert_eq!(keys(&[RSA.0, RSA.0]).find(None, Algorithm::Rs256), None, "which of two is not guessed");
        assert_eq!(keys(&vec![EC.0; 200]).len(), MOST);
    }

    /// An RSA key of 1024 bits is too short to count.
    #[test]
    fn short_keys() {
        let n = URL_SAFE_NO_PAD.encode([0xC3; 128]);
        let set = keys(&[&format!(r#"{{"kty":"RSA","kid":"s","n":"{n}","e":"AQAB"}}"#)]);
        assert!(!set.find(Some("s"), Algorithm::Rs256).unwrap().made(b"x", &[1; 128]));
    }
}
