# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A V4L2 camera as image_raw or image_raw/compressed, and camera_info where it is calibrated."""

import time
from typing import ClassVar

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.probing.operation import Place
from hw_discovery.drivers.camera import v4l2
from hw_discovery.drivers.camera.calibration import CalibrationFault, calibration_in
from hw_discovery.drivers.camera.capture import Capture, Kernel
from hw_discovery.drivers.driver import Driver
from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.parameters import (
    ParameterFault,
    Parameters,
    integer,
    known_only,
    number,
    text,
)

PARAMETERS = ('name', 'frame_id', 'width', 'height', 'rate_hz', 'format', 'calibration_file')
SILENCE_S = 5.0              # UVC cameras need up to two seconds to their first picture


class CameraDriver(Driver):
    """JPEG pictures are passed on as they come: nothing is decoded here."""

    FAMILY = 'camera'
    KERNEL: ClassVar[type[Kernel]] = Kernel
    _capture: Capture | None = None

    def __init__(
        self, node: Node, device: HardwareDevice, place: Place | None, parameters: Parameters,
        robot_id: str = '',
    ) -> None:
        super().__init__(node, device, place, parameters, robot_id)
        known_only(parameters, PARAMETERS)
        if not device.device_path:
            raise DriverFault('expected a video node, e.g. /dev/video0; the device has none')
        # VGA at 15 Hz fits on any USB port and Wi-Fi, and every camera has it.
        self._width = integer(parameters, 'width', 640, 16, 65536)
        self._height = integer(parameters, 'height', 480, 16, 65536)
        self._rate_hz = number(parameters, 'rate_hz', 15.0, 0.1, 1000.0)
        self._fourcc = text(parameters, 'format', 'MJPG', (*v4l2.COMPRESSED, *v4l2.ENCODINGS))
        self._info = self._calibrated(text(parameters, 'calibration_file', ''))
        self._image_out = self.publisher(Image, 'image_raw')
        self._jpeg_out = self.publisher(CompressedImage, 'image_raw/compressed')
        self._info_out = self.publisher(CameraInfo, 'camera_info') if self._info else None

    def run(self) -> None:
        """Publish pictures until told to stop."""
        capture = Capture(self.device.device_path, self._width, self._height, self._fourcc,
                          self._rate_hz, type(self).KERNEL())
        try:
            self._capture = capture
            self._check_calibration(capture.form)
            seen_s = time.monotonic()
            while not self.stopping.is_set():
                picture = capture.picture(SILENCE_S / 4)
                if picture is not None:
                    seen_s = time.monotonic()
                    self.works()
                    self._publish(picture, capture.form)
                elif time.monotonic() - seen_s > SILENCE_S:
                    raise DriverFault(f'no whole picture for {SILENCE_S:g} s')
        finally:
            self._capture = None
            capture.close()

    def cancel(self) -> None:
        """Wake the reader."""
        capture = self._capture
        if capture is not None:
            capture.cancel()

    def _publish(self, picture: bytes, form: v4l2.PixelFormat) -> None:
        header = self.header()
        if form.fourcc in v4l2.COMPRESSED:
            self._jpeg_out.publish(CompressedImage(header=header, format='jpeg', data=picture))
        else:
            self._image_out.publish(Image(
                header=header, width=form.width, height=form.height, step=form.line_bytes,
                encoding=v4l2.ENCODINGS[form.fourcc], data=picture))
        if self._info_out is not None and self._info is not None:
            self._info.header = header
            self._info_out.publish(self._info)

    def _check_calibration(self, form: v4l2.PixelFormat) -> None:
        if self._info is not None and (self._info.width, self._info.height) != (
                form.width, form.height):
            raise DriverFault(
                f'the calibration is for {self._info.width}x{self._info.height}, the camera '
                f'gives {form.width}x{form.height}')

    @staticmethod
    def _calibrated(path: str) -> CameraInfo | None:
        if not path:
            return None
        try:
            known = calibration_in(path)
        except CalibrationFault as error:
            raise ParameterFault(f'calibration_file: {error}') from error
        return CameraInfo(
            width=known.width, height=known.height, distortion_model=known.model,
            d=known.d, k=known.k, r=known.r, p=known.p)
