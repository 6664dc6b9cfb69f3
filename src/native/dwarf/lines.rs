//! The line table of a unit: which line of which file each address comes from (DWARF 5, section 6.2).

use std::sync::Arc;

use gimli::{AttributeValue, ColumnType, UnitRef};

use super::sections::Slice;
use super::source::SourceFile;

/// A line program that makes more rows is damaged: the largest units that are known have a few million.
const MOST_ROWS: usize = 1 << 25;

/// Where an address comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLocation {
    pub file: Option<Arc<SourceFile>>,
    /// From 1; `None` for code that no line asked for (line 0).
    pub line: Option<u32>,
    /// From 1; `None` if the compiler did not say.
    pub column: Option<u32>,
}

pub struct LineTable {
    /// Sorted by address. Sequences do not overlap in a sound file.
    sequences: Vec<Sequence>,
    /// By the number that the unit gives them, which counts from 1 before DWARF 5.
    files: Vec<Option<Arc<SourceFile>>>,
}

/// Code that lies in one piece.
struct Sequence {
    begin: u64,
    end: u64,
    rows: Vec<Row>,
}

#[derive(Clone, Copy)]
struct Row {
    address: u64,
    file: u32,
    line: u32,
    column: u32,
}

impl LineTable {
    /// Runs the unit's line program. What stands behind damage is left out, and what came before it is kept.
    pub fn run(unit: UnitRef<'_, Slice<'_>>) -> (LineTable, Option<String>) {
        let Some(program) = unit.line_program.clone() else {
            let (sequences, files) = (Vec::new(), Vec::new());
            return (LineTable { sequences, files }, None);
        };
        let files = files(unit, program.header());
        let mut sequences = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        let mut count = 0;
        let mut program = program.rows();
        let damage = loop {
            let row = match program.next_row() {
                Ok(Some((_, row))) => *row,
                Ok(None) => break None,
                Err(error) => break Some(error.to_string()),
            };
            if row.end_sequence() {
                let rows = std::mem::take(&mut rows);
                sequences.extend(Sequence::new(rows, row.address()));
                continue;
            }
            count += 1;
            if count > MOST_ROWS {
                break Some(format!("it has more than {MOST_ROWS} rows"));
            }
            rows.push(Row {
                address: row.address(),
                file: u32::try_from(row.file_index()).unwrap_or(u32::MAX),
                line: row
                    .line()
                    .map_or(0, |line| u32::try_from(line.get()).unwrap_or(u32::MAX)),
                column: match row.column() {
                    ColumnType::LeftEdge => 0,
                    ColumnType::Column(column) => u32::try_from(column.get()).unwrap_or(u32::MAX),
                },
            });
        };
        sequences.sort_by_key(|sequence: &Sequence| sequence.begin);
        (LineTable { sequences, files }, damage)
    }

    pub fn location(&self, address: u64) -> Option<SourceLocation> {
        let count = self
            .sequences
            .partition_point(|sequence| sequence.begin <= address);
        // A sequence that was dropped by the linker may claim the beginning of another one.
        let sequence = self.sequences[..count]
            .iter()
            .rev()
            .take(4)
            .find(|sequence| address < sequence.end)?;
        let row = sequence
            .rows
            .partition_point(|row| row.address <= address)
            .checked_sub(1)?;
        let Row {
            file, line, column, ..
        } = sequence.rows[row];
        Some(SourceLocation {
            file: self.file(u64::from(file)),
            line: (line != 0).then_some(line),
            column: (column != 0).then_some(column),
        })
    }

    /// Where the code of a line is, of the files that suit: from each place on at which it begins, to where another line does.
    pub fn code_of(
        &self,
        suits: &dyn Fn(&SourceFile) -> bool,
        line: u32,
    ) -> Vec<(gimli::Range, Arc<SourceFile>)> {
        let suiting: Vec<bool> = self
            .files
            .iter()
            .map(|file| file.as_ref().is_some_and(|file| suits(file)))
            .collect();
        let mut found: Vec<(gimli::Range, Arc<SourceFile>)> = Vec::new();
        for sequence in &self.sequences {
            for (index, row) in sequence.rows.iter().enumerate() {
                let file = row.file as usize;
                if row.line != line || suiting.get(file) != Some(&true) {
                    continue;
                }
                let next = sequence.rows.get(index + 1);
                let range = gimli::Range {
                    begin: row.address,
                    end: next.map_or(sequence.end, |next| next.address),
                };
                match (found.last_mut(), &self.files[file]) {
                    (Some((before, _)), _) if before.end == range.begin => before.end = range.end,
                    (_, Some(file)) if range.begin < range.end => found.push((range, file.clone())),
                    _ => {}
                }
            }
        }
        found
    }

    /// From where to where the code around an address is of one line.
    pub fn range_around(&self, address: u64) -> Option<gimli::Range> {
        let sequence = self
            .sequences
            .iter()
            .find(|sequence| (sequence.begin..sequence.end).contains(&address))?;
        let at = sequence
            .rows
            .partition_point(|row| row.address <= address)
            .checked_sub(1)?;
        let of = |row: &Row| (row.file, row.line);
        let line = of(&sequence.rows[at]);
        let before = sequence.rows[..at].iter().rev();
        let first = before.take_while(|row| of(row) == line).last();
        let next = sequence.rows[at..].iter().find(|row| of(row) != line);
        Some(gimli::Range {
            begin: first.unwrap_or(&sequence.rows[at]).address,
            end: next.map_or(sequence.end, |row| row.address),
        })
    }

    pub fn file(&self, number: u64) -> Option<Arc<SourceFile>> {
        self.files.get(usize::try_from(number).ok()?)?.clone()
    }

    /// From where to where there is code.
    pub fn ranges(&self) -> impl Iterator<Item = gimli::Range> {
        self.sequences.iter().map(|sequence| gimli::Range {
            begin: sequence.begin,
            end: sequence.end,
        })
    }
}

impl Sequence {
    /// `None` for code that the linker dropped: it has address 0 then.
    fn new(mut rows: Vec<Row>, end: u64) -> Option<Sequence> {
        // They come in order (section 6.2.5.2) if the file is sound.
        rows.sort_by_key(|row| row.address);
        let begin = rows.first()?.address;
        (begin != 0 && begin < end).then_some(Sequence { begin, end, rows })
    }
}

fn files<'a>(
    unit: UnitRef<'_, Slice<'a>>,
    header: &gimli::LineProgramHeader<Slice<'a>>,
) -> Vec<Option<Arc<SourceFile>>> {
    let text = |value: AttributeValue<Slice<'a>>| {
        let bytes = unit.attr_string(value).ok()?;
        Some(String::from_utf8_lossy(bytes.slice()).into_owned())
    };
    let folder = unit
        .comp_dir
        .map(|bytes| String::from_utf8_lossy(bytes.slice()).into_owned());
    let file = |entry: &gimli::FileEntry<Slice<'a>>| {
        let mut path = folder.clone().unwrap_or_default();
        if let Some(directory) = entry.directory(header).and_then(text) {
            push_path(&mut path, &directory);
        }
        push_path(&mut path, &text(entry.path_name())?);
        let nonzero = |number: u64| (number != 0).then_some(number);
        Some(Arc::new(SourceFile {
            path,
            md5: header.file_has_md5().then(|| *entry.md5()),
            modified: nonzero(entry.timestamp()),
            size: nonzero(entry.size()),
            // An empty text stands for a file whose source is not there (LLVM's DW_LNCT_LLVM_source).
            embedded: entry
                .source()
                .and_then(text)
                .filter(|text| !text.is_empty())
                .map(Into::into),
        }))
    };
    let from_0 = header.version() >= 5;
    let unused = (!from_0).then_some(None);
    unused
        .into_iter()
        .chain(header.file_names().iter().map(file))
        .collect()
}

/// Names in `.debug_line` are relative to their directory, and that to the folder of the compilation.
fn push_path(path: &mut String, more: &str) {
    if more.starts_with('/') {
        path.clear();
    } else if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(more.strip_prefix("./").unwrap_or(more));
}
