//! Reading TensorFlow Lite models: tensors, operators and weights of the first
//! subgraph, in place.
//!
//! Field numbers are those of `schema.fbs` in the TensorFlow repository. The
//! file is not trusted: every offset, length and index is checked, and shapes
//! are checked against the bytes that are there.

pub(crate) mod flat;

use flat::Table;

/// The file is not as the format has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sound TensorFlow Lite file: {0}")]
pub struct Malformed(pub(crate) &'static str);

/// Identifies the format: the four bytes after the offset of the root.
const IDENTIFIER: &[u8] = b"TFL3";

/// Dimensions of a tensor, and inputs or outputs of an operator or model.
const MOST_DIMENSIONS: usize = 6;
const MOST_PORTS: usize = 64;

/// Element type of a tensor (`TensorType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// `FLOAT32`
    Float,
    /// `FLOAT16`
    Half,
    /// `INT32`
    Integer,
    /// Anything else; an error only where it is used.
    Other,
}

/// A tensor; its shape is known, as that of every tensor of these models is.
#[derive(Debug)]
pub(crate) struct Tensor<'a> {
    pub shape: Vec<i64>,
    pub element: Element,
    /// Little-endian elements when it is a constant, else empty.
    pub data: &'a [u8],
}

impl Tensor<'_> {
    /// The elements of a constant of floats, of either width.
    pub fn floats(&self) -> Option<Vec<f32>> {
        match self.element {
            Element::Float => {
                let (values, _) = self.data.as_chunks::<4>();
                Some(
                    values
                        .iter()
                        .map(|&value| f32::from_le_bytes(value))
                        .collect(),
                )
            }
            Element::Half => {
                let (values, _) = self.data.as_chunks::<2>();
                Some(
                    values
                        .iter()
                        .map(|&value| half(u16::from_le_bytes(value)))
                        .collect(),
                )
            }
            _ => None,
        }
        .filter(|_: &Vec<f32>| !self.data.is_empty())
    }

    /// The elements of a constant of integers.
    pub fn integers(&self) -> Option<Vec<i64>> {
        if self.element != Element::Integer || self.data.is_empty() {
            return None;
        }
        let (values, _) = self.data.as_chunks::<4>();
        Some(
            values
                .iter()
                .map(|&value| i32::from_le_bytes(value).into())
                .collect(),
        )
    }
}

/// IEEE 754 half precision to single.
fn half(bits: u16) -> f32 {
    let sign = f32::from_bits(u32::from(bits & 0x8000) << 16 | 1.0_f32.to_bits());
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (fraction + 1024.0) * 2_f32.powi(exponent - 25),
    }
}

/// Which operator; `BuiltinOperator` of the schema, by name where the
/// converter knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Builtin(i64),
    Custom(String),
}

/// One step of the computation.
#[derive(Debug)]
pub(crate) struct Operator<'a> {
    pub code: Code,
    /// Indices of tensors; `None` is an optional input that is left out.
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<usize>,
    /// `builtin_options`; empty when there are none.
    pub options: Table<'a>,
    pub custom_options: &'a [u8],
}

/// The first subgraph of a file.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    pub tensors: Vec<Tensor<'a>>,
    pub operators: Vec<Operator<'a>>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

impl<'a> Model<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.get(4..8) != Some(IDENTIFIER) {
            return Err(Malformed("it does not begin like one"));
        }
        let model = Table::root(bytes)?;
        let buffers = model.tables(4)?;
        let codes = model
            .tables(1)?
            .into_iter()
            .map(code)
            .collect::<Result<Vec<_>, _>>()?;
        let graphs = model.tables(2)?;
        let graph = graphs.first().ok_or(Malformed("it has no graph"))?;
        let tensors = graph
            .tables(0)?
            .into_iter()
            .map(|table| tensor(table, &buffers))
            .collect::<Result<Vec<_>, _>>()?;
        let operators = graph
            .tables(3)?
            .into_iter()
            .map(|table| operator(table, &codes, tensors.len()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            inputs: indices(&graph.integers(1, MOST_PORTS)?, tensors.len())?,
            outputs: indices(&graph.integers(2, MOST_PORTS)?, tensors.len())?,
            tensors,
            operators,
        })
    }
}

fn code(table: Table<'_>) -> Result<Code, Malformed> {
    /// `BuiltinOperator.CUSTOM`.
    const CUSTOM: i64 = 32;
    // Codes above 127 came later and stand in a wider field.
    let code = table.byte(0, 0)?.max(table.int(3, 0)?);
    Ok(match code {
        CUSTOM => Code::Custom(
            std::str::from_utf8(table.bytes(1)?)
                .map_err(|_| Malformed("a name is not UTF-8"))?
                .to_owned(),
        ),
        code => Code::Builtin(code),
    })
}

fn tensor<'a>(table: Table<'a>, buffers: &[Table<'a>]) -> Result<Tensor<'a>, Malformed> {
    let shape = table.integers(0, MOST_DIMENSIONS)?;
    let element = match table.byte(1, 0)? {
        0 => Element::Float,
        1 => Element::Half,
        2 => Element::Integer,
        _ => Element::Other,
    };
    let count = shape
        .iter()
        .try_fold(1_i64, |count, &size| {
            (size > 0).then(|| count.checked_mul(size))?
        })
        .and_then(|count| usize::try_from(count).ok())
        .ok_or(Malformed("a tensor has no fixed shape"))?;
    let buffer = usize::try_from(table.int(2, 0)?)
        .ok()
        .and_then(|index| buffers.get(index))
        .ok_or(Malformed("a tensor has no buffer"))?;
    let data = buffer.bytes(0)?;
    let width = match element {
        Element::Float | Element::Integer => 4,
        Element::Half => 2,
        Element::Other => 0,
    };
    if !data.is_empty() && width > 0 && count.checked_mul(width) != Some(data.len()) {
        return Err(Malformed("a constant has another size than its shape"));
    }
    Ok(Tensor {
        shape,
        element,
        data,
    })
}

fn operator<'a>(
    table: Table<'a>,
    codes: &[Code],
    tensors: usize,
) -> Result<Operator<'a>, Malformed> {
    let code = usize::try_from(table.int(0, 0)?)
        .ok()
        .and_then(|index| codes.get(index))
        .ok_or(Malformed("an operator has no code"))?;
    let inputs = table.integers(1, MOST_PORTS)?;
    Ok(Operator {
        code: code.clone(),
        inputs: inputs
            .into_iter()
            .map(|index| match index {
                -1 => Ok(None),
                index => index_of(index, tensors).map(Some),
            })
            .collect::<Result<_, _>>()?,
        outputs: indices(&table.integers(2, MOST_PORTS)?, tensors)?,
        options: table.table(4)?,
        custom_options: table.bytes(5)?,
    })
}

fn indices(values: &[i64], tensors: usize) -> Result<Vec<usize>, Malformed> {
    values
        .iter()
        .map(|&index| index_of(index, tensors))
        .collect()
}

fn index_of(index: i64, tensors: usize) -> Result<usize, Malformed> {
    usize::try_from(index)
        .ok()
        .filter(|&index| index < tensors)
        .ok_or(Malformed("an operator names a tensor that is not there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_exactly() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7c01).is_nan());
    }

    #[test]
    fn other_files_are_refused() {
        assert!(Model::parse(b"").is_err());
        assert!(Model::parse(b"\x10\0\0\0TFL3").is_err());
        assert!(Model::parse(&[0xff; 256]).is_err());
    }
}
