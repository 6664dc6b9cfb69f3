//! `datetime64`: counts of a unit since 1970, written as ISO 8601 has dates, in the proleptic Gregorian calendar.

use super::element::TimeUnit;

/// `NPY_DATETIME_NAT`.
pub const NOT_A_TIME: i64 = i64::MIN;

/// Names in the order of `NPY_DATETIMEUNIT` (`numpy/ndarraytypes.h`); 3 was business days.
const NAMES: [&str; 15] = [
    "Y", "M", "W", "B", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic",
];
pub const GENERIC: u32 = 14;

/// Position in `NPY_DATETIMEUNIT`.
pub fn number_of(name: &str) -> Option<u32> {
    let name = if name == "μs" { "us" } else { name };
    let position = NAMES.iter().position(|&known| known == name)?;
    u32::try_from(position).ok().filter(|&number| number != 3)
}

impl TimeUnit {
    pub fn name(self) -> &'static str {
        NAMES.get(self.number as usize).copied().unwrap_or("?")
    }

    pub fn is_generic(self) -> bool {
        self.number == GENERIC
    }

    /// `ns`, `25s`.
    pub fn counted(self) -> String {
        match self.multiple {
            1 => self.name().to_string(),
            multiple => format!("{multiple}{}", self.name()),
        }
    }

    /// In a dtype: `[25s]`, and nothing for the generic unit.
    pub fn bracketed(self) -> String {
        match self.is_generic() {
            true => String::new(),
            false => format!("[{}]", self.counted()),
        }
    }

    /// The unit says more than the text of a moment shows.
    pub fn is_hidden_in_text(self) -> bool {
        self.multiple != 1 && !self.is_generic()
    }
}

/// A moment as `str()` gives it, to the precision of its unit.
pub fn moment(count: i64, unit: TimeUnit) -> String {
    if count == NOT_A_TIME {
        return "NaT".to_string();
    }
    let count = i128::from(count) * i128::from(unit.multiple);
    let date = |days: i128| {
        let (year, month, day) = civil(days);
        format!("{year:04}-{month:02}-{day:02}")
    };
    match unit.number {
        0 => format!("{:04}", count + 1970),
        1 => {
            let (years, month) = (count.div_euclid(12), count.rem_euclid(12));
            format!("{:04}-{:02}", years + 1970, month + 1)
        }
        2 => date(count * 7),
        3 | 4 => date(count),
        5 => {
            let days = count.div_euclid(24);
            format!("{}T{:02}", date(days), count.rem_euclid(24))
        }
        6 => {
            let (days, minute) = (count.div_euclid(1_440), count.rem_euclid(1_440));
            format!("{}T{:02}:{:02}", date(days), minute / 60, minute % 60)
        }
        7..=13 => {
            let digits = (unit.number - 7) * 3;
            let parts = 10_i128.pow(digits);
            let (seconds, part) = (count.div_euclid(parts), count.rem_euclid(parts));
            let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            let text = format!("{}T{hour:02}:{minute:02}:{second:02}", date(days));
            match digits {
                0 => text,
                digits => format!("{text}.{part:00$}", digits as usize),
            }
        }
        _ => count.to_string(),
    }
}

/// Year, month and day of so many days since 1970-01-01.
fn civil(days: i128) -> (i128, i128, i128) {
    // Years that begin in March end with the day that leap years add. 719468 days lie between 0000-03-01 and 1970.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i128::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(count: i64, number: u32) -> String {
        moment(
            count,
            TimeUnit {
                number,
                multiple: 1,
            },
        )
    }

    #[test]
    fn moments_are_dates() {
        assert_eq!(text(0, 4), "1970-01-01");
        assert_eq!(text(-1, 7), "1969-12-31T23:59:59");
        assert_eq!(text(951_782_400, 7), "2000-02-29T00:00:00");
        assert_eq!(text(-719_529, 4), "-001-12-31");
        assert_eq!(text(1, 13), "1970-01-01T00:00:00.000000000000000001");
        assert_eq!(text(i64::MIN, 4), "NaT");
        assert_eq!(text(i64::MAX, 0), "9223372036854777777");
    }
}
