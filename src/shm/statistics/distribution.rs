//! How the numbers of a view are spread: quantiles, a histogram, and how many different ones there are.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::super::walk::{Block, Progress, Walk, WalkError};
use super::distinct::{Distinct, STANDARD_ERROR};
use super::format::Format;
use super::gathered::{Gathered, Gathering};
use super::kernel::Partial;
use super::key::{KeyKind, each_key};
use super::selection::{Pass, Selection};
use crate::model::{DistinctNumbers, Histogram, Quantiles};

/// Parts of a histogram, of one width.
const BINS: usize = 32;
/// Of 100.
const PERCENTILES: [f64; 7] = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Distribution {
    pub quantiles: Option<Quantiles>,
    pub distinct: Option<DistinctNumbers>,
    pub histogram: Option<Histogram>,
}

impl Distribution {
    /// Of numbers that were kept on the way.
    pub(super) fn of(mut gathered: Gathered, gathering: Gathering, format: Format) -> Distribution {
        let count = gathered.count();
        let keys = &mut gathered.keys;
        let all = usize::try_from(count).unwrap_or(keys.len());
        keys.resize(all, Gathered::zero(format));
        keys.par_sort_unstable();
        let kind = format.key_kind();
        let number = |rank: u64| {
            let key = keys.get(usize::try_from(rank).ok()?)?;
            Some(kind.number(*key))
        };
        let is_sample = matches!(gathering, Gathering::OneOf(_));
        // Four times the standard deviation of the share of a random sample that is less than its median.
        let rank_error = match is_sample {
            true => 2.0 / (count as f64).sqrt(),
            false => 0.0,
        };
        let edges = number(0).zip(number(count.wrapping_sub(1))).and_then(edges);
        let histogram = edges.map(|edges| {
            let below = |edge: f64| keys.partition_point(|&key| kind.number(key) < edge);
            let mut counts = Vec::new();
            let mut before = 0;
            for edge in &edges[1..BINS] {
                counts.push((below(*edge) - before) as u64);
                before = below(*edge);
            }
            counts.push((keys.len() - before) as u64);
            Histogram {
                edges: edges.to_vec(),
                counts,
            }
        });
        Distribution {
            quantiles: quantiles(count, rank_error, number),
            distinct: (!is_sample).then(|| DistinctNumbers {
                count: keys.chunk_by(|one, other| one == other).count() as u64,
                relative_error: 0.0,
            }),
            histogram,
        }
    }

    /// Of all numbers, however many, going through them again. `partial` is what they come to.
    pub(super) fn in_passes(
        walk: &Walk<'_>,
        format: Format,
        partial: &Partial,
        progress: &Progress,
    ) -> Result<Distribution, WalkError> {
        let count = partial.finite;
        let ranks = PERCENTILES.iter().flat_map(|&percentile| {
            let (rank, _) = place(count, percentile);
            [rank, (rank + 1).min(count.saturating_sub(1))]
        });
        let mut ranks: Vec<u64> = ranks.collect();
        ranks.sort_unstable();
        ranks.dedup();
        if count == 0 {
            return Ok(Distribution::default());
        }
        let mut selection = Selection::new(ranks, count);
        let (kind, zero) = (format.key_kind(), Gathered::zero(format));
        let are_many = AtomicBool::new(false);
        let bins = edges((partial.min, partial.max)).map(Bins::new);
        let mut distribution = Distribution::default();
        let mut is_first = true;
        while !selection.is_done() {
            progress.expect(walk.total());
            let empty = || Tally {
                pass: selection.empty_pass(),
                distinct: is_first.then(|| Distinct::new(&are_many)),
                counts: vec![0; BINS],
            };
            let tally = walk.reduce(
                progress,
                || (empty(), Vec::new()),
                |(tally, numbers), block| {
                    let mut add = |key, times| {
                        selection.add(&mut tally.pass, key, times);
                        let Some(distinct) = &mut tally.distinct else {
                            return;
                        };
                        distinct.add(key);
                        let bin = bins.as_ref().map(|bins| bins.of(kind.number(key)));
                        if let Some(count) = bin.and_then(|bin| tally.counts.get_mut(bin)) {
                            *count += times;
                        }
                    };
                    match block {
                        Block::Zeros { count, .. } => add(zero, count),
                        Block::Bytes { bytes, .. } => {
                            numbers.clear();
                            if kind == KeyKind::Double {
                                format.decode(bytes, numbers);
                            }
                            each_key(format, numbers, bytes, |key| add(key, 1));
                        }
                    }
                },
                |(one, numbers), (other, _)| (one.join(other), numbers),
            )?;
            let (tally, _) = tally;
            if let Some(distinct) = tally.distinct {
                distribution.distinct = Some(match distinct.count() {
                    Some(count) => DistinctNumbers {
                        count,
                        relative_error: 0.0,
                    },
                    None => DistinctNumbers {
                        count: distinct.estimate(),
                        relative_error: STANDARD_ERROR,
                    },
                });
                distribution.histogram = bins.as_ref().map(|bins| Histogram {
                    edges: bins.edges.to_vec(),
                    counts: tally.counts,
                });
            }
            selection.narrow(tally.pass);
            is_first = false;
        }
        let found = selection.found();
        distribution.quantiles = quantiles(count, 0.0, |rank| {
            let at = found.binary_search_by_key(&rank, |&(rank, _)| rank).ok()?;
            found.get(at).map(|&(_, key)| kind.number(key))
        });
        Ok(distribution)
    }
}

/// What a pass finds.
struct Tally<'f> {
    pass: Pass,
    /// In the first pass, which also fills the histogram.
    distinct: Option<Distinct<'f>>,
    counts: Vec<u64>,
}

impl<'f> Tally<'f> {
    fn join(self, other: Tally<'f>) -> Tally<'f> {
        let counts = self.counts.iter().zip(&other.counts);
        Tally {
            counts: counts.map(|(one, other)| one + other).collect(),
            pass: self.pass.join(other.pass),
            distinct: self
                .distinct
                .zip(other.distinct)
                .map(|(one, other)| one.join(other)),
        }
    }
}

/// The rank before a quantile, and how far behind it the quantile is.
fn place(count: u64, percentile: f64) -> (u64, f64) {
    let place = count.saturating_sub(1) as f64 * (percentile / 100.0);
    (place.floor() as u64, place.fract())
}

/// As `numpy.quantile` has them: between two numbers, linearly.
fn quantiles(
    count: u64,
    rank_error: f64,
    number: impl Fn(u64) -> Option<f64>,
) -> Option<Quantiles> {
    let of = |percentile: f64| {
        let (rank, part) = place(count, percentile);
        let low = number(rank)?;
        let high = number((rank + 1).min(count.checked_sub(1)?))?;
        let far = high - low;
        Some(match part < 0.5 {
            true => low + far * part,
            false => high - far * (1.0 - part),
        })
    };
    let [p1, p5, p25, p50, p75, p95, p99] = PERCENTILES.map(of);
    Some(Quantiles {
        p1: p1?,
        p5: p5?,
        p25: p25?,
        p50: p50?,
        p75: p75?,
        p95: p95?,
        p99: p99?,
        rank_error,
        elements: count,
    })
}

/// Where the parts of a histogram begin, and where the last one ends; as `numpy.histogram` has them. None if they are too far apart for doubles.
fn edges((least, most): (f64, f64)) -> Option<[f64; BINS + 1]> {
    let (least, most) = match least == most {
        true => (least - 0.5, most + 0.5),
        false => (least, most),
    };
    let step = (most - least) / BINS as f64;
    let mut edges = [most; BINS + 1];
    for (index, edge) in edges[..BINS].iter_mut().enumerate() {
        *edge = index as f64 * step + least;
    }
    step.is_finite().then_some(edges)
}

struct Bins {
    edges: [f64; BINS + 1],
    scale: f64,
}

impl Bins {
    fn new(edges: [f64; BINS + 1]) -> Bins {
        Bins {
            scale: BINS as f64 / (edges[BINS] - edges[0]),
            edges,
        }
    }

    /// By its edges, of which the quotient may miss one.
    #[inline(always)]
    fn of(&self, number: f64) -> usize {
        let [first, ..] = self.edges;
        let mut bin = (((number - first) * self.scale) as usize).min(BINS - 1);
        if number < self.edges[bin] {
            bin = bin.saturating_sub(1);
        } else if bin + 1 < BINS && number >= self.edges[bin + 1] {
            bin += 1;
        }
        bin
    }
}
