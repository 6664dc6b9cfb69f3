//! A column of real numbers: common widths, and exponents if one number needs one.

use super::decimal::Decimal;
use super::element::Width;
use super::real::Real;
use super::release::Release;

/// numpy's default `precision`: digits behind the point at most.
const PRECISION: usize = 8;

/// How all numbers of one array are written.
#[derive(Debug)]
pub struct Column {
    release: Release,
    /// `+` before what is not negative.
    plus: bool,
    form: Form,
    /// Characters before the point.
    left: usize,
    /// And after it.
    right: usize,
}

#[derive(Debug)]
enum Form {
    Positional,
    /// Digits of the fraction, and of the exponent.
    Scientific {
        fraction: usize,
        exponent: usize,
    },
}

impl Column {
    pub fn of(numbers: &[Real], width: Width, plus: bool, release: Release) -> Column {
        let finite: Vec<Real> = numbers
            .iter()
            .copied()
            .filter(|number| number.is_finite())
            .collect();
        let mut column = Column {
            release,
            plus,
            form: Form::Positional,
            left: 0,
            right: 0,
        };
        if needs_exponents(&finite, width, release) {
            column.measure_scientific(&finite);
        } else {
            column.measure_positional(&finite);
        }
        if finite.len() < numbers.len() {
            // Room for `nan`, and `inf` with its sign, which go over the whole width.
            let infinite = |number: &&Real| !number.is_finite() && !number.is_nan();
            let signed = plus
                || numbers
                    .iter()
                    .filter(infinite)
                    .any(|number| number.is_negative());
            let longest = "nan".len() + usize::from(signed);
            column.left = column.left.max(longest.saturating_sub(column.right + 1));
        }
        column
    }

    fn measure_positional(&mut self, finite: &[Real]) {
        for &number in finite {
            let (left, right) = fraction_cut(number).positional();
            self.left = self.left.max(left.len() + self.sign(number).len());
            self.right = self.right.max(right.len());
        }
    }

    fn measure_scientific(&mut self, finite: &[Real]) {
        let (mut longest, mut digits) = (0, 0);
        for &number in finite {
            let cut = digits_cut(number);
            longest = longest.max(cut.digits.len() - 1);
            digits = digits.max(exponent(cut.exponent, 2).len() - 1);
            self.left = self.left.max(1 + self.sign(number).len());
        }
        self.form = Form::Scientific {
            fraction: longest,
            exponent: digits,
        };
        self.right = longest + digits + 2;
    }

    pub fn write(&self, number: Real) -> String {
        let sign = self.sign(number);
        if !number.is_finite() {
            let word = match number.is_nan() {
                true if self.plus => "+nan".to_string(),
                true => "nan".to_string(),
                false => format!("{sign}inf"),
            };
            return format!("{word:>width$}", width = self.left + self.right + 1);
        }
        match self.form {
            Form::Positional => {
                let (left, right) = fraction_cut(number).positional();
                let left = format!("{sign}{left}");
                format!("{left:>0$}.{right:<1$}", self.left, self.right)
            }
            Form::Scientific {
                fraction,
                exponent: digits,
            } => {
                let mut cut = digits_cut(number);
                if cut.digits.len() - 1 < fraction && self.release.has_digits_beyond() {
                    cut = number.rounded(fraction);
                }
                let text: String = cut.digits.iter().map(|&digit| char::from(digit)).collect();
                let (first, rest) = text.split_at(1);
                let left = format!("{sign}{first}");
                let exponent = exponent(cut.exponent, digits);
                format!("{left:>0$}.{rest:0<fraction$}e{exponent}", self.left)
            }
        }
    }

    fn sign(&self, number: Real) -> &'static str {
        match (number.is_negative(), self.plus) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        }
    }
}

fn exponent(exponent: i32, digits: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:0digits$}", exponent.unsigned_abs())
}

/// The shortest digits, cut behind the decimal point.
fn fraction_cut(number: Real) -> Decimal {
    let shortest = number.shortest();
    match shortest.fraction_length() > PRECISION as i64 {
        true => number.rounded_fraction(PRECISION),
        false => shortest,
    }
}

/// The shortest digits, cut behind the first.
fn digits_cut(number: Real) -> Decimal {
    let shortest = number.shortest();
    match shortest.digits.len() > PRECISION + 1 {
        true => number.rounded(PRECISION).without_trailing_zeros(),
        false => shortest,
    }
}

/// Large numbers, small ones, and those that differ much are written with exponents, all of them. The comparisons are
/// made in the numbers' own type, which rounds what it divides.
fn needs_exponents(finite: &[Real], width: Width, release: Release) -> bool {
    let large = match width {
        Width::Half if release.exponent_by_type() => 1e3,
        Width::Single if release.exponent_by_type() => 1e6,
        _ => 1e8,
    };
    let small = match width {
        Width::Single if release.is_second() => f64::from(0.0001_f32),
        _ => 0.0001,
    };
    let numbers = finite.iter().filter(|number| !number.is_zero());
    if width == Width::Extended {
        let all: Vec<_> = numbers.map(|number| number.exact()).collect();
        let Some(first) = all.first() else {
            return false;
        };
        let (mut least, mut most) = (first, first);
        for number in &all {
            if least.exceeds(number) {
                least = number;
            }
            if number.exceeds(most) {
                most = number;
            }
        }
        let (large, small) = (Real::Double(large).exact(), Real::Double(small).exact());
        return !large.exceeds(most) || small.exceeds(least) || most.exceeds_times(least, 1_000);
    }
    let magnitude = |number: &Real| match *number {
        Real::Half(value, _) | Real::Double(value) => value.abs(),
        Real::Single(value) => f64::from(value.abs()),
        Real::Brain(bits) => f64::from(super::real::brain(bits).abs()),
        Real::Extended { .. } => 0.0,
    };
    let (least, most) = numbers
        .map(magnitude)
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
            (least.min(value), most.max(value))
        });
    if most == 0.0 {
        return false;
    }
    let differ = match width {
        Width::Single => most as f32 / least as f32 > 1000.0,
        // The halves next to 1000 are 0.5 apart.
        Width::Half => most / least > 1000.25,
        _ => most / least > 1000.0,
    };
    most >= large || least < small || differ
}
