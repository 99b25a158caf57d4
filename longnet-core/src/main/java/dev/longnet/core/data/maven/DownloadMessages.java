// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.maven;

import java.util.Locale;
import java.util.function.Consumer;
import org.eclipse.aether.transfer.AbstractTransferListener;
import org.eclipse.aether.transfer.TransferEvent;
import org.eclipse.aether.transfer.TransferResource;

/// A line when a download starts, and one now and then while it goes on.
final class DownloadMessages extends AbstractTransferListener {
  private static final long NANOS = 10_000_000_000L;

  private final Consumer<String> listener;
  private long last;

  DownloadMessages(Consumer<String> listener) {
    this.listener = listener;
  }

  @Override
  public void transferProgressed(TransferEvent event) {
    long now = System.nanoTime();
    // Before the first bytes nobody knows whether the file is there, or how large it is.
    boolean first = event.getTransferredBytes() == event.getDataLength();
    if (isChecksum(event.getResource()) || !first && now - last < NANOS) {
      return;
    }
    last = now;
    TransferResource resource = event.getResource();
    String name = resource.getResourceName();
    String done = first ? "" : ", done " + megabytes(event.getTransferredBytes());
    long length = resource.getContentLength();
    listener.accept(
        "downloading "
            + name.substring(name.lastIndexOf('/') + 1)
            + (length < 0 ? "" : " (" + megabytes(length) + ")")
            + " from "
            + resource.getRepositoryId()
            + done);
  }

  private static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }

  private static boolean isChecksum(TransferResource resource) {
    return resource.getResourceName().matches(".*\\.(sha\\d+|md5)");
  }
}
