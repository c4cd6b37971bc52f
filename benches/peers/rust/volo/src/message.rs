//! The message, as volo's code generator makes it for HelloRequest and HelloReply.

use pilota::pb::encoding::{DecodeContext, WireType, faststr, skip_field};
use pilota::pb::{DecodeError, EncodeLengthContext, Message};
use pilota::{Bytes, FastStr, LinkedBytes};

/// A message with a text in field 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hello {
    pub(crate) text: FastStr,
}

impl Message for Hello {
    fn encoded_len(&self, context: &mut EncodeLengthContext) -> usize {
        faststr::encoded_len(context, 1, &self.text)
    }

    fn encode_raw(&self, buffer: &mut LinkedBytes) {
        faststr::encode(1, &self.text, buffer);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut Bytes,
        context: &mut DecodeContext,
        _is_root: bool,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => faststr::merge(wire_type, &mut self.text, buffer, context),
            _ => skip_field(wire_type, tag, buffer, context),
        }
    }
}
