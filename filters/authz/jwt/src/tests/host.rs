//! Keys and signatures in DER: the keys as OpenSSL 3 writes them (`openssl ec -pubout -outform DER`).

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

#[test]
fn keys_as_openssl_writes_them() {
    let cases = [
        (
            json!({"kty": "RSA", "n": "uC3RmlKk2-5BGTOBhtfWGWk5nEJKFrJSpHs2ut65x3pOUyb4ywURD7-_wH6rCvQpflCsiOVM_-zyjscDJkha8RzQsmuTlzvTr6ru0ZGjjBEEpdhpD5Zu0eK4W6kIGG8OWRJCAdTCYbFA5wY1Nf38Cx9MlMRenR2XMFk3vUlZk6Mbc3d4k3xN4P9QWDxi9LyOPU8tmfEq_5ib15HvrEXnO3Y_Lht0bkTlmw8bBmPOG-Y9CVhvxXlkjpkAoqkboZ_35kPbZy6EloD24Bl202j6UTN3bJuQsLKTlXgs__PMY__ZVQgp1w4OwMv-WIucNBNTe-wnRJ-hBXb26z96aFNrOw", "e": "AQAB"}),
            Algorithm::RS256,
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuC3RmlKk2-5BGTOBhtfWGWk5nEJKFrJSpHs2ut65x3pOUyb4ywURD7-_wH6rCvQpflCsiOVM_-zyjscDJkha8RzQsmuTlzvTr6ru0ZGjjBEEpdhpD5Zu0eK4W6kIGG8OWRJCAdTCYbFA5wY1Nf38Cx9MlMRenR2XMFk3vUlZk6Mbc3d4k3xN4P9QWDxi9LyOPU8tmfEq_5ib15HvrEXnO3Y_Lht0bkTlmw8bBmPOG-Y9CVhvxXlkjpkAoqkboZ_35kPbZy6EloD24Bl202j6UTN3bJuQsLKTlXgs__PMY__ZVQgp1w4OwMv-WIucNBNTe-wnRJ-hBXb26z96aFNrOwIDAQAB",
        ),
        (
            json!({"kty": "EC", "crv": "P-256", "x": "GMEni3MVUWYJNxq3cgJuWJZZfCLLKF_vWSUEVFipaR4", "y": "998dRSQVWaR0IJRtaPOzaUBll59f7M8YJbIh1TDgSzo"}),
            Algorithm::ES256,
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGMEni3MVUWYJNxq3cgJuWJZZfCLLKF_vWSUEVFipaR733x1FJBVZpHQglG1o87NpQGWXn1_szxglsiHVMOBLOg",
        ),
        (
            json!({"kty": "EC", "crv": "P-384", "x": "jzu-0d_SYLHtlneE5_SU1GBy9zZ89L6q11dRUC6S5T660biVkK_KBzM58kb92-7A", "y": "ip9m-qZnwEAxN85-ZKLHOF5XfBVOpymq3oyWJNnIOP71VcGRWSGNK6H57NBDm2Fl"}),
            Algorithm::ES384,
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEjzu-0d_SYLHtlneE5_SU1GBy9zZ89L6q11dRUC6S5T660biVkK_KBzM58kb92-7Aip9m-qZnwEAxN85-ZKLHOF5XfBVOpymq3oyWJNnIOP71VcGRWSGNK6H57NBDm2Fl",
        ),
        (
            json!({"kty": "EC", "crv": "P-521", "x": "ADocH1ipqDoV066rnsA2hbPpbsuWT61YW_htXfqX0GEQ45wnRvhpmViKM1UKMTlRCgd_FaUaqnIAf7ob7B934-0i", "y": "AclJQMHUXboHEC9vjuof4rJYvY9fX0ycpwvOiwnCbvBq13w4pqF_3Eh95gvH9PbXbUKbn4h3ZWGBpsdaHDuiVq45"}),
            Algorithm::ES512,
            "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAOhwfWKmoOhXTrquewDaFs-luy5ZPrVhb-G1d-pfQYRDjnCdG-GmZWIozVQoxOVEKB38VpRqqcgB_uhvsH3fj7SIByUlAwdRdugcQL2-O6h_isli9j19fTJynC86LCcJu8GrXfDimoX_cSH3mC8f09tdtQpufiHdlYYGmx1ocO6JWrjk",
        ),
    ];
    for (jwk, algorithm, expected) in cases {
        let key = Key::parse(&jwk).unwrap();
        let length = match algorithm {
            Algorithm::RS256 => 256,
            Algorithm::ES256 => 64,
            Algorithm::ES384 => 96,
            _ => 132,
        };
        let signature = vec![1; length];
        let check = key.host_check(algorithm, &signature).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(check.public_key), expected, "{jwk}");
        for wrong in [0, 1, length - 1, length + 1, 2 * length] {
            assert_eq!(
                key.host_check(algorithm, &vec![1; wrong]),
                None,
                "{jwk}, a signature of {wrong} bytes"
            );
        }
        for other in [Algorithm::HS256, Algorithm::PS256, Algorithm::EdDSA] {
            assert_eq!(key.host_check(other, &vec![1; length]), None, "{jwk} with {other:?}");
        }
    }
}

#[test]
fn signatures() {
    let check = |r: &[u8], s: &[u8]| {
        let pad = |bytes: &[u8]| [vec![0; 32 - bytes.len()], bytes.to_vec()].concat();
        let both = [pad(r), pad(s)].concat();
        crate::HostCheck::new(Algorithm::ES256, &[], &both).unwrap().signature.into_owned()
    };
    assert_eq!(check(&[1], &[0x7f]), [0x30, 6, 2, 1, 1, 2, 1, 0x7f]);
    assert_eq!(check(&[0x80], &[1, 0]), [0x30, 8, 2, 2, 0, 0x80, 2, 2, 1, 0]);
    assert_eq!(check(&[], &[1]), [0x30, 6, 2, 1, 0, 2, 1, 1]);
    let high = check(&[0xff; 32], &[0xff; 32]);
    assert_eq!(high.len(), 72);
    assert_eq!(high[..6], [0x30, 70, 2, 33, 0, 0xff]);
}
