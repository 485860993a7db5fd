//! How large the broker finds a record that is not compressed.
//!
//! It measures batches, and the smallest that a record can be in is one of its own: a batch's head, then the record in the format that
//! Kafka calls version 2, in which lengths are signed numbers of variable size.

/// The head of a batch.
const HEAD: usize = 61;

/// A record's attributes, and its distances in time and offset to the first of its batch, which it is.
const ATTRIBUTES: usize = 3;

/// The size of a batch of one record. `headers` have `header_bytes` in all, as [`header`] counts them.
pub(super) fn alone(key: usize, value: usize, headers: usize, header_bytes: usize) -> usize {
    // No key is one of length -1, which takes as much as one of length 0.
    let record = ATTRIBUTES + counted(key) + counted(value) + number(headers) + header_bytes;
    HEAD + counted(record)
}

/// What a header takes.
pub(super) fn header(name: usize, value: usize) -> usize {
    counted(name) + counted(value)
}

/// So many bytes behind their number.
fn counted(bytes: usize) -> usize {
    number(bytes) + bytes
}

/// A number: seven bits a byte, and one bit for the sign.
fn number(value: usize) -> usize {
    let bits = (usize::BITS - value.leading_zeros()) as usize + 1;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_a_byte_for_seven_bits_and_a_sign() {
        for (value, bytes) in [(0, 1), (63, 1), (64, 2), (8_191, 2), (8_192, 3), (1_048_575, 3), (1_048_576, 4)] {
            assert_eq!(number(value), bytes, "{value}");
        }
    }

    #[test]
    fn a_batch_of_one_is_as_large_as_its_parts() {
        assert_eq!(alone(0, 0, 0, 0), 68);
        assert_eq!(alone(1, 100, 1, header(2, 64)), 61 + 2 + 3 + 2 + 102 + 1 + 1 + 2 + 2 + 64);
    }
}
