// The bus of a Pico W's radio. Its driver has PIO and DMA do each transfer; here the DMA's words go to `transfer` at
// once, and the PIO stands still: to the driver every transfer is over as soon as it has begun.
const [POWER, DATA, SELECT] = [23, 24, 25];
const [TRANSMIT, RECEIVE] = [8, 12]; // requests of PIO1's four machines, by which the channels are known
const FDEBUG = 0x008;
const ALL_STALLED = 0xf << 24; // the driver waits until its machine has nothing left to send
const SWAPPED = 1 << 22;
export const CALLS = 1 << DATA; // the chip's call for its driver, on the data line between transfers

/** Hook a chip's DMA and PIO: transfer(bytes, count) returns count bytes, cut() says that the radio's power is gone. */
export function wire(chip, transfer, cut) {
  const pio = chip.pio[1];
  const readPio = pio.readUint32.bind(pio);
  pio.run = () => {};
  pio.readUint32 = (offset) => (offset === FDEBUG ? readPio(offset) | ALL_STALLED : readPio(offset));

  let sent = [];
  for (const channel of chip.dma.channels) {
    const start = channel.start.bind(channel);
    channel.start = () => {
      const machine = channel.treq & ~3;
      if (machine !== TRANSMIT && machine !== RECEIVE) return start();
      if (!(channel.ctrl & SWAPPED)) throw new Error("the radio's driver does not swap bytes any more");
      const count = 4 * channel.transCountReload;
      if (machine === TRANSMIT)
        for (let k = 0; k < count; k++) sent.push(chip.readUint8(channel.readAddr + k));
      else {
        const answer = transfer(sent, count);
        for (let k = 0; k < count; k++) chip.writeUint8(channel.writeAddr + k, answer[k]);
        sent = [];
      }
      channel.transCount = 0;
    };
  }
  chip.gpio[SELECT].addListener((state) => {
    if (state === 1 && sent.length) transfer(sent, 0);
    if (state === 1) sent = [];
  });
  chip.gpio[POWER].addListener((state, before) => {
    if (before === 1) cut();
  });
}
