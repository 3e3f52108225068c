//! Hexadecimal and octal digits.

/// The value of a hexadecimal digit.
pub(super) const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that two hexadecimal digits write.
pub(super) const fn pair(high: u8, low: u8) -> Option<u8> {
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

/// Takes up to three octal digits, ModSecurity's `\OOO`: their value and how many there are.
pub(super) fn octal(input: &[u8]) -> (u16, usize) {
    let digits = input.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
    digits.fold((0, 0), |(value, count), byte| (value * 8 + u16::from(byte - b'0'), count + 1))
}

/// Adds 0x20 to the low byte of a full-width form (`ff01` to `ff5e`), which is what makes it ASCII.
pub(super) const fn narrow(high: u8, low: u8) -> u8 {
    if high == 0xff && low > 0x00 && low < 0x5f { low + 0x20 } else { low }
}
