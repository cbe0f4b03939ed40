//! Random numbers for secrets and names, from the operating system.

/// Fills `bytes` with random bytes, fit for secrets.
///
/// # Panics
/// If the operating system gives none: nothing here is safe without.
pub fn fill(bytes: &mut [u8]) {
    let filled = getrandom::fill(bytes);
    assert!(filled.is_ok(), "the operating system gives no random numbers: {filled:?}");
}

/// Returns `N` random bytes, fit for secrets.
///
/// # Panics
/// If the operating system gives none.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Returns 64 random bits.
///
/// # Panics
/// If the operating system gives none.
pub fn u64() -> u64 {
    u64::from_le_bytes(bytes())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_numbers_are_the_same() {
        assert_ne!(super::bytes::<16>(), super::bytes::<16>());
        assert_ne!(super::u64(), super::u64());
    }
}
