//! The numbers of a view as a small grid and a histogram, to be drawn.

use super::bytes::SegmentBytes;
use super::statistics::Format;
use super::walk::{Block, Progress, Walk, WalkError};
use crate::array::View;

/// One cell of a grid: what the elements that fall into it come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridCell {
    /// Of the finite ones.
    pub sum: f64,
    pub count: u64,
    pub min: f64,
    pub max: f64,
    pub has_nan: bool,
}

impl GridCell {
    const EMPTY: GridCell = GridCell {
        sum: 0.0,
        count: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        has_nan: false,
    };

    fn add(&mut self, number: f64) {
        if number.is_finite() {
            self.sum += number;
            self.count += 1;
            self.min = self.min.min(number);
            self.max = self.max.max(number);
        } else if number.is_nan() {
            self.has_nan = true;
        }
    }

    fn add_zeros(&mut self, count: u64) {
        self.count += count;
        self.min = self.min.min(0.0);
        self.max = self.max.max(0.0);
    }

    fn join(&mut self, other: &GridCell) {
        self.sum += other.sum;
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.has_nan |= other.has_nan;
    }
}

/// Rows of cells, and how many numbers lie in each of the equal parts from the least to the largest.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub rows: usize,
    pub columns: usize,
    pub cells: Vec<GridCell>,
    pub bins: Vec<u64>,
}

/// How large a picture may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    pub rows: usize,
    pub columns: usize,
    pub bins: usize,
}

/// Draws a view of one axis or two. `range` is from the least to the largest finite number. Nothing if its elements are no
/// numbers, or it has other axes.
pub fn picture(
    bytes: &SegmentBytes,
    view: &View,
    canvas: Canvas,
    range: (f64, f64),
    progress: &Progress,
) -> Result<Option<Picture>, WalkError> {
    let (height, width) = match view.shape[..] {
        [width] => (1, width),
        [height, width] => (height, width),
        _ => return Ok(None),
    };
    let Some(format) = Format::of(&view.element).filter(|_| height > 0 && width > 0) else {
        return Ok(None);
    };
    let fit = |length: u64, room: usize| {
        usize::try_from(length)
            .map_or(room, |length| length.min(room))
            .max(1)
    };
    let (rows, columns) = (fit(height, canvas.rows), fit(width, canvas.columns));
    let scale = Scale {
        height,
        width,
        rows: rows as u64,
        columns: columns as u64,
    };
    let bins = Bins::new(range, canvas.bins.max(1));
    let empty = || Strip {
        columns,
        first_row: 0,
        cells: Vec::new(),
        bins: vec![0; bins.count],
    };
    let drawn = Walk::by_index(bytes, view).reduce(
        progress,
        empty,
        |strip, block| match block {
            Block::Zeros { first, count } => {
                scale.runs(first, count, |cell, _, length| {
                    strip.cell(cell).add_zeros(length as u64);
                });
                if let Some(bin) = strip.bins.get_mut(bins.of(0.0)) {
                    *bin += count;
                }
            }
            Block::Bytes { first, bytes } => {
                let mut numbers = Vec::with_capacity(bytes.len());
                format.decode(bytes, &mut numbers);
                scale.runs(first, numbers.len() as u64, |cell, start, length| {
                    let own = numbers.get(start..start + length).unwrap_or_default();
                    let cell = strip.cell(cell);
                    own.iter().for_each(|&number| cell.add(number));
                });
                for &number in numbers.iter().filter(|number| number.is_finite()) {
                    if let Some(bin) = strip.bins.get_mut(bins.of(number)) {
                        *bin += 1;
                    }
                }
            }
        },
        |mut one, other| {
            let first = other.first_row * columns;
            for (at, more) in other.cells.iter().enumerate() {
                one.cell(first + at).join(more);
            }
            for (bin, more) in one.bins.iter_mut().zip(&other.bins) {
                *bin += more;
            }
            one
        },
    )?;
    let mut drawn = drawn;
    // A view of one element at least has drawn in the first row and in the last.
    drawn.cell(0);
    drawn.cell(rows * columns - 1);
    Ok(Some(Picture {
        rows,
        columns,
        cells: drawn.cells,
        bins: drawn.bins,
    }))
}

/// The rows of a picture that a part of the elements falls into: whole pictures of every part would fill the memory.
struct Strip {
    columns: usize,
    first_row: usize,
    /// Of whole rows.
    cells: Vec<GridCell>,
    bins: Vec<u64>,
}

impl Strip {
    /// A cell by its place in the whole picture.
    fn cell(&mut self, place: usize) -> &mut GridCell {
        let row = place / self.columns;
        if self.cells.is_empty() {
            self.first_row = row;
        }
        if row < self.first_row {
            let more = (self.first_row - row) * self.columns;
            let before = std::iter::repeat_n(GridCell::EMPTY, more);
            self.cells.splice(0..0, before);
            self.first_row = row;
        }
        let at = place - self.first_row * self.columns;
        if at >= self.cells.len() {
            let rows = at / self.columns + 1;
            self.cells.resize(rows * self.columns, GridCell::EMPTY);
        }
        &mut self.cells[at]
    }
}

/// Which cell an element falls into.
struct Scale {
    height: u64,
    width: u64,
    rows: u64,
    columns: u64,
}

impl Scale {
    /// Hands on runs of elements that fall into one cell: the cell, where the run begins behind `first`, and its length.
    fn runs(&self, first: u64, count: u64, mut visit: impl FnMut(usize, usize, usize)) {
        let end = first + count;
        let mut number = first;
        while number < end {
            let (row, column) = (number / self.width, number % self.width);
            let scaled = |index: u64, cells: u64, length: u64| {
                (u128::from(index) * u128::from(cells) / u128::from(length)) as u64
            };
            let cell_row = scaled(row, self.rows, self.height);
            let cell_column = scaled(column, self.columns, self.width);
            // The first column of the next cell.
            let next = (u128::from(cell_column + 1) * u128::from(self.width))
                .div_ceil(u128::from(self.columns)) as u64;
            let length = (next.min(self.width) - column).max(1).min(end - number);
            let cell = (cell_row * self.columns + cell_column) as usize;
            visit(cell, (number - first) as usize, length as usize);
            number += length;
        }
    }
}

/// Equal parts of a range.
struct Bins {
    least: f64,
    width: f64,
    count: usize,
}

impl Bins {
    fn new((least, most): (f64, f64), count: usize) -> Bins {
        // Halves, since the difference of two doubles may be too large for one.
        let width = (most / 2.0 - least / 2.0) / count as f64 * 2.0;
        Bins {
            least,
            width,
            count: if width > 0.0 { count } else { 1 },
        }
    }

    fn of(&self, number: f64) -> usize {
        if self.count == 1 {
            return 0;
        }
        let place = number / self.width - self.least / self.width;
        // A cast saturates; what is just behind the last belongs to it.
        (place as usize).min(self.count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_falls_into_one_cell() {
        let scale = Scale {
            height: 7,
            width: 13,
            rows: 3,
            columns: 5,
        };
        let mut cells = [0; 15];
        let mut seen = 0;
        scale.runs(0, 91, |cell, start, length| {
            assert_eq!(start, seen);
            seen += length;
            cells[cell] += length;
        });
        assert_eq!((seen, cells.iter().sum::<usize>()), (91, 91));
        assert!(cells.iter().all(|&count| count > 0));
    }

    #[test]
    fn the_largest_number_is_in_the_last_bin() {
        let bins = Bins::new((-1.0, 3.0), 4);
        assert_eq!(
            [-1.0, -0.1, 0.0, 2.9, 3.0].map(|x| bins.of(x)),
            [0, 0, 1, 3, 3]
        );
        let wide = Bins::new((-f64::MAX, f64::MAX), 10);
        assert_eq!([-f64::MAX, 1.0, f64::MAX].map(|x| wide.of(x)), [0, 5, 9]);
        assert_eq!(Bins::new((2.0, 2.0), 10).of(2.0), 0);
    }
}
