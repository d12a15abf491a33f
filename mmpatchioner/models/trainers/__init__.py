"""What the runner trains: the decoder on text alone, and the alignment of text with frozen patches."""

from mmpatchioner.models.trainers.alignment import AlignmentTrainer
from mmpatchioner.models.trainers.exports import ExportedWeights
from mmpatchioner.models.trainers.leave_one_out import LeaveOneOutBridge
from mmpatchioner.models.trainers.text_decoder import TextDecoderTrainer

__all__ = ['AlignmentTrainer', 'ExportedWeights', 'LeaveOneOutBridge', 'TextDecoderTrainer']
