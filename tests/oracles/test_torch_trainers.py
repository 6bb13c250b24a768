"""Accelerate, Lightning and the Trainer of Transformers with an optimizer of fastopt.torch.

The extra `trainers` has these libraries.
"""

import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fastopt import torch as fused  # noqa: E402 - which imports torch

Losses = list[float]
Run = Callable[[Any, Path], Losses]


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Tanh(), torch.nn.Linear(32, 4))


def batches() -> Any:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 16, generator=generator)
    y = (x @ torch.randn(16, 4, generator=generator)).argmax(1)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)


def accelerated(make: Any, _: Path) -> Losses:
    """Accumulation, clipping and a schedule, all of them wrapped."""
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = network()
    optimizer = make(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    model, optimizer, data, schedule = accelerator.prepare(model, optimizer, batches(), schedule)
    losses = []
    for x, y in itertools.chain.from_iterable(itertools.repeat(data, 5)):
        with accelerator.accumulate(model):
            loss = torch.nn.functional.cross_entropy(model(x), y)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    accelerate.state.AcceleratorState._reset_state(True)
    return losses


def in_lightning(make: Any, _: Path) -> Losses:
    """A wrapper that replaces the class of the optimizer."""
    lightning = pytest.importorskip("lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    losses: Losses = []

    class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = network()

        def training_step(self, batch: Any, _: int) -> Any:
            loss = torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])
            losses.append(loss.item())
            return loss

        def configure_optimizers(self) -> Any:
            optimizer = make(self.parameters(), lr=1e-2)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2)]

    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = lightning.Trainer(
        max_epochs=5,
        accelerator="cpu",
        gradient_clip_val=1.0,
        accumulate_grad_batches=2,
        **dict.fromkeys(quiet, False),
    )
    trainer.fit(Module(), batches())
    return losses


def in_transformers(make: Any, folder: Path) -> Losses:
    """A language model with tied weights, saved on the way with the state of the optimizer."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 32, "vocab_size": 64, "n_positions": 32}
    still = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **still))
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(0, 64, (64, 32), generator=generator)
    losses: Losses = []

    class Listener(transformers.TrainerCallback):  # type: ignore[misc,name-defined]
        def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
            losses.extend([logs["loss"]] if "loss" in logs else [])

    optimizer = make(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    arguments = transformers.TrainingArguments(
        str(folder),
        use_cpu=True,
        num_train_epochs=3,
        per_device_train_batch_size=8,
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        save_steps=10,
        max_grad_norm=1.0,
    )
    trainer = transformers.Trainer(
        model,
        arguments,
        train_dataset=[{"input_ids": line, "labels": line} for line in text],
        optimizers=(optimizer, schedule),
        callbacks=[Listener()],
    )
    trainer.train()
    return losses


@pytest.mark.filterwarnings("ignore")  # of these libraries among themselves, at import
@pytest.mark.parametrize("run", [accelerated, in_lightning, in_transformers])
def test_the_losses_are_those_of_torch(run: Run, tmp_path: Path) -> None:
    theirs, ours = run(torch.optim.AdamW, tmp_path / "a"), run(fused.AdamW, tmp_path / "b")
    assert len(theirs) >= 20
    # In float32, where both round: the largest difference measured is 5e-7.
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=0.0, atol=1e-5)
