import { closeFd, connect, type UnixAddress, unixSocket, watch } from '../../os/index.ts';

/** Tells when the switch may take frames again. */
export interface RoomWatch {
  await(): void;
  pause(): void;
  close(): void;
}

/**
 * poll() tells about room in a receiver's queue only on a socket that is connected to it. The data socket must not be:
 * the kernel does not limit the queue of a socket that is connected to the sender, so that a guest which stands still
 * would take up the whole send buffer of its switch, and nobody else would get frames. So another socket is connected,
 * and used for nothing else. vde_switch lets none connect (each of its ports has one peer): there a timer has to do.
 */
export function watchRoom(peer: UnixAddress, onRoom: () => void): RoomWatch {
  const fd = unixSocket('dgram');
  try {
    connect(fd, peer);
  } catch {
    closeFd(fd);
    return watchClock(onRoom);
  }
  const watcher = watch(fd, {});
  return {
    await: () => watcher.set({ writable: onRoom }),
    pause: () => watcher.set({}),
    close() {
      watcher.close();
      closeFd(fd);
    },
  };
}

function watchClock(onRoom: () => void): RoomWatch {
  let timer: NodeJS.Timeout | undefined;
  const pause = (): void => clearInterval(timer);
  return {
    await() {
      timer = setInterval(onRoom, 1);
    },
    pause,
    close: pause,
  };
}
