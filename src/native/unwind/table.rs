//! `.eh_frame_hdr`: the entries of `.eh_frame` sorted by address, as the linker writes it and the C library searches it in place
//! (Linux Standard Base, section 10.6.2).

/// Version 1; the address of `.eh_frame` as 4 bytes relative to themselves; a count of 4 bytes; and pairs of 4 bytes relative to the
/// header. All linkers write these encodings (`DW_EH_PE_…`), and the C library's search takes no others.
const HEADER: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
/// Bytes: what precedes the pairs, and one of them.
const PAIRS_AT: usize = 12;
const PAIR: usize = 8;

/// The table, in the bytes of its section.
pub(super) struct Table<'f> {
    address: u64,
    eh_frame: i32,
    pairs: &'f [[u8; PAIR]],
}

impl<'f> Table<'f> {
    /// `address` is where the section is linked to. Nothing if it has another form, or is cut.
    pub(super) fn parse(bytes: &'f [u8], address: u64) -> Option<Table<'f>> {
        let (header, rest) = bytes.split_first_chunk::<4>()?;
        let (eh_frame, rest) = rest.split_first_chunk()?;
        let (count, _) = rest.split_first_chunk()?;
        if *header != HEADER {
            return None;
        }
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (pairs, _) = bytes.get(PAIRS_AT..)?.as_chunks();
        Some(Table {
            address,
            eh_frame: i32::from_le_bytes(*eh_frame),
            pairs: pairs.get(..count)?,
        })
    }

    /// The address of `.eh_frame`.
    pub(super) fn eh_frame(&self) -> u64 {
        let at = self.address.wrapping_add(HEADER.len() as u64);
        at.wrapping_add_signed(self.eh_frame.into())
    }

    /// The address of the entry of the last function that does not begin behind an address.
    pub(super) fn entry(&self, address: u64) -> Option<u64> {
        let after = (self.pairs).partition_point(|pair| self.at(pair, 0) <= address);
        let pair = self.pairs.get(after.checked_sub(1)?)?;
        Some(self.at(pair, PAIR / 2))
    }

    fn at(&self, pair: &[u8; PAIR], from: usize) -> u64 {
        let half = pair[from..from + PAIR / 2].try_into();
        let offset = half.map_or(0, i32::from_le_bytes);
        self.address.wrapping_add_signed(offset.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(count: u32, pairs: &[[i32; 2]]) -> Vec<u8> {
        let words = pairs.iter().copied().flatten();
        let words = words.flat_map(i32::to_le_bytes);
        let begin = HEADER.into_iter().chain(0x100_i32.to_le_bytes());
        begin.chain(count.to_le_bytes()).chain(words).collect()
    }

    #[test]
    fn the_entry_of_the_function_around_an_address_is_found() {
        let bytes = table(2, &[[-0x200, 0x110], [-0x100, 0x140]]);
        let table = Table::parse(&bytes, 0x1000).expect("it is whole");
        assert_eq!(table.eh_frame(), 0x1104);
        assert_eq!(table.entry(0xdff), None);
        assert_eq!(table.entry(0xe00), Some(0x1110));
        assert_eq!(table.entry(0xeff), Some(0x1110));
        assert_eq!(table.entry(u64::MAX), Some(0x1140));
    }

    #[test]
    fn a_table_that_is_cut_or_of_another_form_is_none() {
        assert!(Table::parse(&table(3, &[[0, 0], [1, 1]]), 0).is_none());
        assert!(Table::parse(&table(u32::MAX, &[]), 0).is_none());
        assert!(Table::parse(&HEADER, 0).is_none());
        let mut other = table(0, &[]);
        other[3] = 0xff;
        assert!(Table::parse(&other, 0).is_none());
    }
}
