use super::unpack;
use lzma_rust2::{LzmaOptions, LzmaWriter};
use std::io::Write;

fn packed(content: &[u8], dictionary: u32) -> Vec<u8> {
    let options = LzmaOptions { dict_size: dictionary, ..LzmaOptions::with_preset(6) };
    let mut writer =
        LzmaWriter::new_use_header(Vec::new(), &options, Some(content.len().try_into().unwrap())).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

#[test]
fn what_was_packed_comes_back() {
    let content: Vec<u8> = (0..100_000_u32).map(|at| (at.wrapping_mul(at) / 7) as u8).collect();
    for content in [content.as_slice(), b"", b"a"] {
        assert_eq!(unpack(&packed(content, 1 << 20)).unwrap(), content);
    }
}

#[test]
fn what_is_broken_is_refused() {
    let good = packed(&b"some text, ".repeat(1000), 1 << 20);
    let cut = &good[..good.len() / 2];
    let large = packed(b"text", 1 << 30);
    for broken in [&[][..], &good[..5], cut, &large, &[0xff; 100]] {
        let error = unpack(broken).unwrap_err();
        assert!(error.starts_with("the filters cannot be unpacked: "), "{error}");
    }
}
